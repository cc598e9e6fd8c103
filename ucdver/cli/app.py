"""The command `ucdver`: a table of commands, each imported when it is used, and errors told in one line."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from ucdver import __version__
from ucdver.errors import SpecError, UcdverError, closest

#: Where each command is, and its line in the help; `--help` imports none of them.
COMMANDS: dict[str, tuple[str, str]] = {
    "bench": ("ucdver.cli.bench:bench", "Run a suite; what has been run already is not run again."),
    "leaderboard": ("ucdver.cli.leaderboard:leaderboard", "Show or export the results in a runs folder."),
    "data": ("ucdver.cli.data:app", "List, fetch, add and look at data sets."),
    "list": ("ucdver.cli.listing:list_specs", "List methods, tasks, suites and everything else."),
    "show": ("ucdver.cli.show:show", "Show all there is to know about one of them."),
    "plugins": ("ucdver.cli.plugins:plugins", "List the plugins, the broken ones with the reason."),
    "doctor": ("ucdver.cli.doctor:doctor", "Check this machine and say what to type for each lack."),
    "new": ("ucdver.cli.new:app", "Write the first version of a plugin."),
}

# Typer carries its own copy of click from 0.26 on; this is the base of all usage errors in either.
_UsageError: Any = typer.BadParameter.__mro__[2]


class LazyGroup(typer.core.TyperGroup):
    """The group of the commands in `COMMANDS` and, for any other name, of those that plugins add."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of ucdver's own commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import and return a command; an unknown name is a SpecError that says the nearest one."""
        if cmd_name not in COMMANDS:
            return _plugin_command(cmd_name)
        from ucdver.registry import load_target

        target = load_target(COMMANDS[cmd_name][0], f"command '{cmd_name}'")
        if isinstance(target, typer.Typer):
            return typer.main.get_group(target)
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(cmd_name)(target)
        return typer.main.get_command(single)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the table of commands from their one-line help, so that nothing is imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ucdver {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit."),
    ] = False,
) -> None:
    """Benchmark unsupervised cross-domain visual emotion recognition. Begin with: ucdver bench"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 for a failed run, 2 for the user's mistake, 130."""
    args = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    command = typer.main.get_command(app)
    try:
        code = command.main(args, prog_name="ucdver", standalone_mode=False)
        sys.stdout.flush()
    except UcdverError as error:
        return _told(error.problem, error.hint, error.exit_code)
    except _UsageError as error:
        path = error.ctx.command_path if getattr(error, "ctx", None) else "ucdver"
        message = " ".join(error.format_message().split()).rstrip(".")
        return _told(message[:1].lower() + message[1:], f"see '{path} --help'", 2)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("interrupted", err=True)
        return 130
    except BrokenPipeError:
        # Whoever read our output has left, as after `| head`: nothing more can be written, nor at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code if isinstance(code, int) else 0


def _told(problem: str, hint: str, code: int) -> int:
    if os.environ.get("UCDVER_TRACEBACK") == "1":
        traceback.print_exc()
    line = f"error: {problem}; {hint}" if hint else f"error: {problem}"
    typer.echo(" ".join(line.split()), err=True)
    return code


def _plugin_command(name: str) -> Any:
    from ucdver.plugins import add_commands

    extra = typer.Typer(add_completion=False, rich_markup_mode=None)
    broken = add_commands(extra, Path.cwd())
    added = typer.main.get_group(extra).commands
    if name in added:
        return added[name]
    near = closest(name, [*COMMANDS, *added])
    hint = f"did you mean '{near}'?" if near else "'ucdver --help' shows the commands"
    for plugin in broken:
        hint += f"; plugin '{plugin.name}' ({plugin.distribution}): {plugin.reason}"
    raise SpecError(f"there is no command '{name}'", hint)
