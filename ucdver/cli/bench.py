"""`ucdver bench`: plan a suite, carry out what is missing, print the table."""

from __future__ import annotations

import os
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.console import Console
from rich.table import Table

from ucdver.errors import SpecError, suggestion

if TYPE_CHECKING:
    from ucdver.runs.bench import Bench
    from ucdver.runs.schedule import Scheduled
    from ucdver.spec.suite import SuitePlan

#: Characters; wider than any table, where a table is asked how wide it would be.
_WIDEST = 10_000
_RERUN = ("missing", "failed", "always", "never")


def bench(
    suite: Annotated[str, typer.Argument(help="A suite by name, or a TOML file.")] = "emoji",
    method: Annotated[
        list[str] | None, typer.Option("--method", "-m", help="Only this method; may be repeated.")
    ] = None,
    task: Annotated[list[str] | None, typer.Option("--task", "-t", help="Only this task; may be repeated.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Number of seeds, counted from 0.", min=1)] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="METHOD.PARAM=VALUE", help="Change an option of a method; may be repeated."),
    ] = None,
    protocol: Annotated[str, typer.Option(help="Another protocol than the suite's, as in uda_grouped.")] = "",
    runs: Annotated[Path, typer.Option(help="The folder that holds the runs.")] = Path("runs"),
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", help="Runs at a time; default: one a core, or 1 on a GPU.", min=1),
    ] = None,
    threads: Annotated[int, typer.Option(help="CPU threads of each run.", min=1)] = 1,
    executor: Annotated[str, typer.Option(help="How runs are carried out; 'ucdver list executors'.")] = "auto",
    rerun: Annotated[str, typer.Option(help="missing, failed, always or never.")] = "missing",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    checkpoint_seconds: Annotated[float, typer.Option(help="Save a run this often, to resume it.", min=0)] = 30.0,
    tune: Annotated[
        int | None, typer.Option(metavar="N", help="Try N configurations of each method, its own first.", min=2)
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="RULE", help="What chooses among them; with --tune. Default: infomax.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
) -> None:
    """Run every method on every task of a suite and print the comparison.

    What is already in the runs folder is not run again, and what was interrupted goes on where it was.
    """
    from ucdver.cli.preparing import preparing
    from ucdver.runs.bench import Bench

    if rerun not in _RERUN:
        raise SpecError(f"--rerun {rerun} is not known", suggestion(rerun, _RERUN, f"use {', '.join(_RERUN)}"))
    if by is not None and tune is None:
        raise SpecError(f"--by {by} chooses among configurations, and there is one", "add --tune N, or drop --by")
    rule = (by or "infomax") if tune else ""
    console = Console(stderr=True)
    started = time.monotonic()
    session = Bench(runs, suite, cast(Any, rerun), fetch=not dry_run)
    session.check_machine(executor, device)
    session.restrict(tuple(method or ()), tuple(task or ()), seeds, _settings(set_ or []), protocol)
    _warn_of_changes(session, console)

    def prepare(remember: bool = True) -> None:
        # One reason may keep several domains from being annotated.
        for fault in dict.fromkeys(map(str, session.prepare(preparing(console), device, threads, remember=remember))):
            console.print(f"not annotated: {fault}", style="red", highlight=False, soft_wrap=True, markup=False)
        _tell_lost(session, console)

    def carry_out() -> None:
        _carry_out(session, console, executor, jobs, threads, device, checkpoint_seconds)

    items = _tuned(session, console, tune, rule, dry_run, prepare, carry_out) if tune else None
    if dry_run:
        _print_matrix(session)
        return
    if items is None:
        _refuse_without_data(session)
        prepare()
        carry_out()
        _print_table(session, session.store.plan(session.suite.name))
    if _print_summary(session, console, time.monotonic() - started, items or session.scheduled, rule):
        raise typer.Exit(1)


def _refuse_without_data(session: Bench) -> None:
    """Print what is missing, and end, where no task of the suite has its data."""
    planned = session.plan().remembered
    if session.lacks_all_data:
        _print_table(session, planned)
        raise session.no_data()


def _tuned(
    session: Bench,
    console: Console,
    count: int,
    rule: str,
    dry_run: bool,
    prepare: Callable[[bool], None],
    carry_out: Callable[[], None],
) -> list[Scheduled]:
    """Tune every method with the same budget and print what came of it; a dry run only plans the draws."""
    from ucdver.cli.tuning import carry_out_tuning, print_tuning
    from ucdver.runs.tune import Tuning

    tuning = Tuning(session, count, rule)
    if dry_run:
        session.adopt(tuning.search_plan(), tuning.selector)
        return []
    _refuse_without_data(session)
    items = carry_out_tuning(session, tuning, console, prepare, carry_out)
    print_tuning(session, tuning)
    return items


def _settings(texts: list[str]) -> dict[str, dict[str, Any]]:
    """Return METHOD.PARAM=VALUE texts as options by method; a value is read as TOML, else it is a string."""
    settings: dict[str, dict[str, Any]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        method, dot, option = name.partition(".")
        if not (equals and dot and method and option):
            raise SpecError(
                f"--set {text} cannot be read",
                "write --set METHOD.PARAM=VALUE, as in --set dann.trade_off=0.5",
            )
        try:
            parsed = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            parsed = value
        if option in settings.get(method, {}):
            raise SpecError(f"--set {name} is given twice", "give it once")
        settings.setdefault(method, {})[option] = parsed
    return settings


def _tell_lost(session: Bench, console: Console) -> None:
    """Say which rows have gone from the table that is there: their runs stay, and do not go beside the new ones."""
    if session.lost:
        text = (
            f"note: cells of {', '.join(session.lost)} have left the table: they are of another recipe, version, "
            f"options, weights or pictures; 'ucdver bench {session.suite.name}' plans all of it anew"
        )
        console.print(text, style="yellow", highlight=False, soft_wrap=True, markup=False)
    if session.replaced:
        text = (
            f"note: the table of '{session.suite.name}' that was here had {', '.join(session.replaced)} too, which this"
            " plan has not: their runs stay, and are in no table; another suite needs another name, or another --runs"
        )
        console.print(text, style="yellow", highlight=False, soft_wrap=True, markup=False)


def _warn_of_changes(session: Bench, console: Console) -> None:
    for name in session.changed_methods():
        text = (
            f"note: the source of method '{name}' has changed since its cached runs were made, "
            "and its version has not; raise the version, or use --rerun always, if the change can move a result"
        )
        console.print(text, style="yellow", highlight=False, soft_wrap=True, markup=False)
    for name in session.changed_methods("to run"):
        text = f"note: the source of method '{name}' has changed since its runs were stopped: they start over"
        console.print(text, style="yellow", highlight=False, soft_wrap=True, markup=False)


def _carry_out(
    session: Bench,
    console: Console,
    executor: str,
    jobs: int | None,
    threads: int,
    device: str,
    checkpoint_seconds: float,
) -> None:
    from ucdver.cli.progress import Progress

    with Progress(session.scheduled, console) as progress:
        try:
            session.carry_out(progress, executor, jobs, threads, device, checkpoint_seconds)
        except KeyboardInterrupt:
            console.print("stopped; 'ucdver bench' with the same arguments goes on from here", highlight=False)
            raise


def _print_matrix(session: Bench) -> None:
    """Print every cell: cached, to run, failed, skipped and why."""
    plan = session.plan()
    states = {item.spec.key(): item for item in session.scheduled}
    cells: dict[tuple[str, str], Counter[str]] = {}
    reasons: set[str] = set()
    for entry in plan.remembered.entries:
        known = states.get(entry.key)
        state = known.state if known else entry.status.replace("_", " ")
        cells.setdefault((entry.task, entry.method), Counter())[state] += 1
        reasons.add(entry.reason or (known.reason if known else ""))
    suite = plan.remembered.suite
    count = len(plan.remembered.entries)
    title = f"suite {suite.name}: {count} run{'s' * (count != 1)}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("method", no_wrap=True)
    for task in suite.tasks:
        table.add_column(task.id, justify="right", no_wrap=True)
    for name in suite.methods:
        row = [cells[(task.id, name)] for task in suite.tasks]
        table.add_row(name, *[", ".join(f"{count} {state}" for state, count in cell.items()) for cell in row])
    out = Console()
    # As wide as it needs, as the leaderboard is: names that are cut tell nothing.
    out.width = max(out.width, Console(width=_WIDEST).measure(table).maximum)
    out.print(table)
    shared = [
        f"{task}: {count} {'picture of the target is' if count == 1 else 'pictures of the target are'} in a source"
        for task, count in plan.remembered.shared.items()
    ]
    for reason in (*sorted(reasons - {""}), *plan.remembered.absent.values(), *shared):
        out.print(f"- {reason}", highlight=False, soft_wrap=True, markup=False)


def _print_table(session: Bench, plan: SuitePlan) -> None:
    from ucdver.report.leaderboard import build_leaderboard
    from ucdver.report.table import export

    board = build_leaderboard(session.store, session.registry, plan)
    typer.echo(export(board, ansi=sys.stdout.isatty()))


def _print_summary(session: Bench, console: Console, seconds: float, items: list[Scheduled], rule: str) -> int:
    """Say how the runs stand and what to type next, by the rule that tuned; return the number of those that failed."""
    from ucdver.cli.durations import duration

    counts = Counter(session.outcome(item) for item in items)
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "nothing to run"
    selection = f" --selection {rule}" if rule else ""
    again = "the same command with --rerun failed tries what failed again; tracebacks are in their record.json"
    following = again if counts["failed"] else f"ucdver leaderboard --runs {session.store.root}{selection} --format md"
    console.print(
        f"{told} in {duration(seconds)}; runs are in {session.store.root}{os.sep}. Next: {following}",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    return counts["failed"]
