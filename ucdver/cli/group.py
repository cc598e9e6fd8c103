"""The commands behind `ucdver`: each imported when it is used, and errors told in one line."""

from __future__ import annotations

import io
import os
import sys
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
import typer.core
import typer.main

from ucdver.cli.app import COMMANDS, help_text
from ucdver.discovery import attempt, reason
from ucdver.errors import PluginError, SpecError, UcdverError, closest

if TYPE_CHECKING:
    from ucdver.plugins import CommandMaker

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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal or a pipe of another encoding gets a question mark for what it cannot show, not an error.
            stream.reconfigure(errors="replace")
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
    from ucdver.plugins import command_makers

    added: dict[str, tuple[Any, str]] = {}
    faults = ""
    for maker in command_makers(Path.cwd()):
        commands, broken = _commands_of(maker)
        for error in broken:
            faults += f"; plugin '{maker.plugin}' ({maker.distribution}): its commands raised {reason(error)}"
        for own, command in commands:
            if own in COMMANDS:
                faults += f"; command '{own}' of {maker.distribution} has the name of one of ucdver's"
            elif own == name and own in added and added[own][1] == maker.distribution:
                raise PluginError(f"command '{own}' is added twice by {maker.distribution}", "rename one of the two")
            elif own == name and own in added:
                raise PluginError(
                    f"command '{own}' is registered twice, by {added[own][1]} and by {maker.distribution}",
                    f"block one of them: UCDVER_DISABLE_PLUGINS={maker.distribution}",
                )
            else:
                added.setdefault(own, (command, maker.distribution))
    if name in added:
        return added[name][0]
    near = closest(name, [*COMMANDS, *added])
    hint = f"did you mean '{near}'?" if near else "'ucdver --help' shows the commands"
    raise SpecError(f"there is no command '{name}'", hint + faults)


def _commands_of(maker: CommandMaker) -> tuple[list[tuple[str, Any]], list[BaseException]]:
    """Return the commands of a plugin by name, each built apart, and what kept others from being built."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    _, error = attempt(partial(maker.add, app))
    if error is not None:
        return [], [error]
    found: list[tuple[str, Any]] = []
    broken: list[BaseException] = []
    for info in (*app.registered_commands, *app.registered_groups):
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        infos: list[Any] = single.registered_commands if info in app.registered_commands else single.registered_groups
        infos.append(info)
        group, error = attempt(partial(typer.main.get_group, single))
        if error is not None:
            broken.append(error)
        else:
            found += group.commands.items()
    return found, broken
