"""The command `ucdver`: where it starts, and the table of its commands.

Help and version are answered here from plain text, since importing Typer takes longer than all the rest of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ucdver import __version__

#: Where each command is, and its line in the help; asking for help imports none of them.
COMMANDS: dict[str, tuple[str, str]] = {
    "bench": ("ucdver.cli.bench:bench", "Run a suite; what has been run already is not run again."),
    "prepare": (
        "ucdver.cli.prepare:prepare",
        "Compute what runs will open: images, features, annotations.",
    ),
    "leaderboard": ("ucdver.cli.leaderboard:leaderboard", "Show or export the results in a runs folder."),
    "runs": ("ucdver.cli.runs:app", "Put the runs behind a table into one file, or take them from one."),
    "data": ("ucdver.cli.data:app", "List, fetch, add, check and look at data sets."),
    "list": ("ucdver.cli.listing:list_specs", "List methods, tasks, suites and everything else."),
    "show": ("ucdver.cli.show:show", "Show all there is to know about one of them."),
    "plugins": ("ucdver.cli.plugins:plugins", "List the plugins, the broken ones with the reason."),
    "doctor": ("ucdver.cli.doctor:doctor", "Check this machine and say what to type for each lack."),
    "new": ("ucdver.cli.new:app", "Write the first version of a plugin."),
}


def help_text() -> str:
    """Return what `ucdver --help` writes."""
    width = max(len(name) for name in COMMANDS)
    lines = [f"  {name.ljust(width)}  {line}" for name, (_, line) in COMMANDS.items()]
    return f"""Usage: ucdver [OPTIONS] COMMAND [ARGS]...

  Benchmark unsupervised cross-domain visual emotion recognition.
  Begin with: ucdver bench

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Commands:
{chr(10).join(lines)}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 for a failed run, 2 for the user's mistake, 130."""
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        if not args or args[0] in ("--help", "-h"):
            sys.stdout.write(help_text())
        elif args[0] == "--version":
            sys.stdout.write(f"ucdver {__version__}\n")
        else:
            from ucdver.cli.group import run

            return run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has left, as after `| head`: nothing more can be written, nor at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    return 0
