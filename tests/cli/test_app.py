from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import ucdver as package
from ucdver.cli.app import COMMANDS, help_text
from ucdver.cli.group import app
from ucdver.plugins import reset

LOCAL = '''
import ucdver

@ucdver.hookimpl
def ucdver_commands(app):
    @app.command("greet")
    def greet(name: str):
        """Greet somebody."""
        {body}
'''


def local_command(body: str) -> None:
    Path("ucdver_local.py").write_text(LOCAL.format(body=body), encoding="utf-8")
    reset()


def test_the_help_lists_every_command() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert result.output.strip() == help_text().strip()
    for name, (_, line) in COMMANDS.items():
        assert f"\n  {name} " in result.output
        assert line in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists_and_has_help(ucdver: Any, command: str) -> None:
    outcome = ucdver(command, "--help")
    assert outcome.code == 0
    assert outcome.out.startswith(f"Usage: ucdver {command}")
    assert outcome.err == ""


def test_no_arguments_are_a_call_for_help_and_the_version_is_told(ucdver: Any) -> None:
    assert ucdver().out == ucdver("--help").out
    assert ucdver("--version").out == f"ucdver {package.__version__}\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("leaderbord",), "error: there is no command 'leaderbord'; did you mean 'leaderboard'?"),
        (("zzzz",), "error: there is no command 'zzzz'; 'ucdver --help' shows the commands"),
        (("list",), "error: missing argument 'kind'; see 'ucdver list --help'"),
        (("list", "methods", "--jsn"), "error: no such option: --jsn"),
        (("data",), "error: missing command; see 'ucdver data --help'"),
        (("data", "fetch", "emojy"), "error: there is no dataset 'emojy'; did you mean 'emoji'?"),
        (("list", "metods"), "error: there is no kind 'metods'; did you mean 'methods'?"),
        (("show", "metrics", "acuracy"), "error: there is no metric 'acuracy'; did you mean 'accuracy'?"),
    ],
)
def test_a_mistake_is_one_line_on_stderr(ucdver: Any, args: tuple[str, ...], message: str) -> None:
    outcome = ucdver(*args)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.lower().startswith(message.lower())
    assert outcome.err.count("\n") == 1


def test_the_traceback_is_shown_when_asked_for(ucdver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Traceback" not in ucdver("list", "metods").err
    monkeypatch.setenv("UCDVER_TRACEBACK", "1")
    outcome = ucdver("list", "metods")
    assert outcome.code == 2
    assert outcome.err.startswith("Traceback")
    assert outcome.err.splitlines()[-1].startswith("error: there is no kind")


def test_a_plugin_adds_a_command(ucdver: Any) -> None:
    local_command("print('hello', name)")
    assert ucdver("greet", "Ada").out == "hello Ada\n"
    assert "did you mean 'greet'?" in ucdver("gret").err


def test_the_exit_code_of_an_error_is_its_own(ucdver: Any) -> None:
    local_command("from ucdver.errors import RunError; raise RunError('it broke', 'try again')")
    outcome = ucdver("greet", "Ada")
    assert (outcome.code, outcome.err) == (1, "error: it broke; try again\n")


def test_an_interrupt_ends_with_130(ucdver: Any) -> None:
    local_command("raise KeyboardInterrupt")
    outcome = ucdver("greet", "Ada")
    assert outcome.code == 130
    assert "Traceback" not in outcome.err


def test_a_miss_names_the_plugin_whose_commands_failed(ucdver: Any) -> None:
    Path("ucdver_local.py").write_text("import ucdver\n@ucdver.hookimpl\ndef ucdver_commands(app):\n    1 / 0\n")
    assert "plugin 'ucdver_local' (ucdver_local.py)" in ucdver("greet").err


def test_a_reader_that_leaves_is_no_traceback(tmp_path: Path) -> None:
    code = "import sys; from ucdver.cli.app import main; sys.stdin.read(); sys.exit(main(['list', 'methods']))"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    ) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdout.close()
        process.stdin.close()
        errors = process.stderr.read()
        assert process.wait(timeout=60) == 1
    assert errors == b""
