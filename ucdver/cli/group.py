"""The commands behind `ucdver`: each imported when it is used, and errors told in one line."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any

import typer
import typer.core
import typer.main

from ucdver.cli.app import COMMANDS, help_text
from ucdver.errors import SpecError, UcdverError, closest

# Typer carries its own copy of click in newer versions; this is the base of all usage errors in either.
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

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help that `main` writes; the usual one would import every command for its first line."""
        formatter.write(help_text())


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


@app.callback()
def root() -> None:
    """Take no options: `main` answers --help and --version."""


def run(args: list[str]) -> int:
    """Run one command and return its exit code; errors that are the user's to mend are one line on stderr."""
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
    except BrokenPipeError:
        raise
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _told(f"{place}{error.strerror or error}", "check the path, its permissions and the free space", 2)
    except typer.Abort:
        raise KeyboardInterrupt from None
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
