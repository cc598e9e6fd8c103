"""`ucdver runs`: the runs behind a table in one file, out of a folder and into another; and what they left."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ucdver.cli.output import say
from ucdver.cli.pseudo_labels import pseudo_labels
from ucdver.data.annotations import reading_order
from ucdver.data.catalog import Catalog
from ucdver.data.home import data_home
from ucdver.errors import SpecError
from ucdver.plugins import load_registry
from ucdver.runs.archive import export_runs, import_runs
from ucdver.runs.restrict import chosen_tasks
from ucdver.runs.revealed import Revealed
from ucdver.runs.store import RunStore

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, help="Put runs into one file, take them from one, or look into them."
)

app.command("pseudo-labels")(pseudo_labels)

_Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="The runs folder.")]


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="The file to write.")],
    runs: _Runs = Path("runs"),
    suite: Annotated[
        str | None, typer.Option("--suite", metavar="SUITE", help="Default: the one planned last.")
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option("--task", "-t", metavar="ID", help="Only the runs of this task; may be repeated."),
    ] = None,
    classes_only: Annotated[
        bool,
        typer.Option("--classes-only", help="Predicted classes in place of logits: small, enough for most metrics."),
    ] = False,
    without_labels: Annotated[
        bool,
        typer.Option("--without-labels", help="No labels: who takes it in needs the data, and looks them up there."),
    ] = False,
) -> None:
    """Write the runs of a suite to one file: records and predictions, from which every table is computed.

    No weights and no pictures are in it; ids, labels and logits of the test images are. With --classes-only a table of
    a metric that reads probabilities, as nll does, says that it cannot be computed from them.
    """
    if file.is_dir():
        raise SpecError(f"{file} is a folder", f"name a file, as in {file}/runs.zip")
    store = RunStore(runs)
    plan = store.plan(suite)
    tasks = chosen_tasks(plan.suite, tuple(task or ()))
    packed = export_runs(store, plan, file, tasks, classes_only, with_labels=not without_labels)
    are = "is" if packed.absent == 1 else "are"
    why = "not run, half made once more, or without predictions that can be read"
    absent = f"; {packed.absent} {are} not in it: {why}" if packed.absent else ""
    say(f"wrote {packed.runs} runs of {plan.suite.name} to {file}{absent}")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="A file that 'ucdver runs export' wrote.")],
    runs: _Runs = Path("runs"),
) -> None:
    """Add the runs of such a file to a runs folder.

    A run that is done there already stays as it is, and one that failed elsewhere takes the place of nothing that was
    begun there. The table of a suite that is planned there gets what the file has beside it, and 'ucdver bench' on that
    folder runs what is still missing.
    """
    registry = load_registry(Path.cwd())
    reveal = Revealed(Catalog(registry, data_home()), registry)
    found = import_runs(file, RunStore(runs), reveal, partial(reading_order, registry))
    say(f"{found.new} runs came in, {found.present} were there already")
    for name, count in found.left_out.items():
        are = "run is" if count == 1 else "runs are"
        say(f"{count} {are} not in the table of {name}: others were planned here in their place, or do not compare")
        say(f"next: ucdver runs import {file} --runs DIR, into a folder of their own")
    for name in found.planned:
        say(f"next: ucdver leaderboard --runs {runs} --suite {name}")
