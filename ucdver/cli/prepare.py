"""`ucdver prepare`: compute once, before any run, what the runs of a suite will open."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ucdver.errors import SpecError

if TYPE_CHECKING:
    from ucdver.runs.bench import Bench


def prepare(
    suite: Annotated[str, typer.Argument(help="A suite by name, or a TOML file.")],
    method: Annotated[
        list[str] | None, typer.Option("--method", "-m", help="Only what this method needs; may be repeated.")
    ] = None,
    task: Annotated[list[str] | None, typer.Option("--task", "-t", help="Only this task; may be repeated.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Number of seeds, counted from 0.", min=1)] = None,
    protocol: Annotated[str, typer.Option(help="Another protocol than the suite's, as in uda_grouped.")] = "",
    import_: Annotated[
        list[str] | None,
        typer.Option(
            "--import",
            metavar="ANNOTATOR=FILE.jsonl",
            help="Take texts from a file instead of computing them; may be repeated.",
        ),
    ] = None,
    threads: Annotated[int, typer.Option(help="CPU threads, as in bench.", min=1)] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Decode the images, and compute the frozen features and annotations that a suite needs.

    What is there is not computed again, and what was interrupted goes on where it was.
    """
    from ucdver.cli.durations import duration
    from ucdver.cli.preparing import preparing
    from ucdver.data.home import data_home
    from ucdver.runs.bench import Bench

    console = Console(stderr=True)
    started = time.monotonic()
    # The folder of runs is neither read nor written: what is prepared does not depend on it, or on what is called runs.
    session = Bench(data_home() / "runs", suite, "always")
    session.check_machine("auto", device)
    session.restrict(tuple(method or ()), tuple(task or ()), seeds, {}, protocol)
    _import(session, import_ or [], console)
    plan = session.plan()
    if session.lacks_all_data:
        raise session.no_data()
    missing = any(entry.status == "missing" for entry in plan.remembered.entries)
    for reason in sorted({entry.reason for entry in plan.remembered.entries if entry.status == "missing"}):
        console.print(f"left out: {reason}", highlight=False, soft_wrap=True, markup=False)
    faults = session.compute(plan.runs, preparing(console), device, threads)
    if faults:
        raise faults[0]
    what = f"part of {suite}" if missing else suite
    text = f"prepared {what} in {duration(time.monotonic() - started)}"
    console.print(text, highlight=False, soft_wrap=True, markup=False)


def _import(session: Bench, texts: Sequence[str], console: Console) -> None:
    """Carry out every ANNOTATOR=FILE."""
    from ucdver.runs.importing import import_texts

    for text in texts:
        annotator, equals, file = text.partition("=")
        if not (annotator and equals and file):
            raise SpecError(f"--import {text} cannot be read", "write --import ANNOTATOR=FILE.jsonl")
        for dataset, count in import_texts(session.suite, session.catalog, annotator, Path(file)).items():
            said = f"imported {count} texts of '{dataset}' for {annotator}"
            console.print(said, highlight=False, soft_wrap=True, markup=False)
