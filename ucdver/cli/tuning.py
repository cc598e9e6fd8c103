"""`ucdver bench --tune N --by RULE`: train the draws, choose among them, train the chosen, print both tables."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer
from rich.console import Console

from ucdver.cli.output import write_table
from ucdver.report.format import NONE, ORACLE, score_text
from ucdver.report.leaderboard import build_leaderboard
from ucdver.report.spread import Spread, spreads
from ucdver.report.table import export
from ucdver.runs.bench import Bench
from ucdver.runs.schedule import Scheduled
from ucdver.runs.tune import Tuning


def carry_out_tuning(
    session: Bench,
    tuning: Tuning,
    console: Console,
    prepare: Callable[[bool], None],
    carry_out: Callable[[], None],
) -> list[Scheduled]:
    """Run the draws, then what was chosen of them; return every run that took part.

    `prepare` is told whether the plan is to be remembered.
    """
    session.adopt(tuning.search_plan(), tuning.selector)
    prepare(False)
    for name in tuning.untuned:
        _say(console, f"{name} declares no search ranges: it runs as the suite has it")
    _say(console, f"{len(session.scheduled)} runs of draws with seed {tuning.suite.seeds[0]}")
    carry_out()
    searched = session.scheduled
    session.adopt(tuning.final_plan())
    _say(console, f"chosen by {tuning.rule}; now the other seeds")
    prepare(True)
    carry_out()
    known = {item.spec.key() for item in searched}
    return [*searched, *(item for item in session.scheduled if item.spec.key() not in known)]


def print_tuning(session: Bench, tuning: Tuning) -> None:
    """Print the table of what was chosen, then what was chosen, then how much hung on it."""
    plan = session.store.plan(session.suite.name)
    board = build_leaderboard(session.store, session.registry, plan, None, tuning.rule)
    typer.echo(export(board, ansi=sys.stdout.isatty()))
    mark = f" {ORACLE}" if tuning.selector.oracle else ""
    typer.echo(f"configurations chosen by {tuning.rule}{mark} (draw 0 is the suite's own)")
    rows = [
        [c.task, c.method, f"{c.draw} of {len(tuning.options[c.method])}", str(c.failed or NONE), _options(c.options)]
        for c in tuning.chosen
        if len(tuning.options[c.method]) > 1
    ]
    write_table(["task", "method", "draw", "unscored", "options"], rows)
    typer.echo(
        f"\nspread of {board.metric.name} over the draws, averaged over the columns, seed {tuning.suite.seeds[0]}; "
        "known only with target labels, no result"
    )
    lines = [
        [s.method, str(s.draws), *(NONE if v is None else score_text(v, board.metric) for v in _numbers(s))]
        for s in spreads(tuning)
    ]
    write_table(["method", "draws", "default", "min", "median", "max"], lines)


def _numbers(spread: Spread) -> list[float | None]:
    return [spread.default, spread.low, spread.median, spread.high]


def _options(options: dict[str, object]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in options.items()) or "defaults"


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)
