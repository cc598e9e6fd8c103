"""`ucdver data gap`: what separates the domains of a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from ucdver.cli.output import say, write_json, write_table
from ucdver.data.catalog import Catalog
from ucdver.data.home import data_home
from ucdver.errors import PluginError, SpecError, UcdverError, suggestion
from ucdver.plugins import load_registry
from ucdver.registry import Registry
from ucdver.spec.base import first_fault
from ucdver.spec.recipe import ImageRecipe, Recipe
from ucdver.spec.suite import Suite
from ucdver.spec.suite_file import load_suite
from ucdver.spec.suite_place import suite_folder
from ucdver.spec.task import Task

if TYPE_CHECKING:
    from ucdver.evaluate.gap import Gap
    from ucdver.stats.gap.priors import Distance

DEFAULT_BACKBONE = "efficientnet_lite0@package"


def gap(
    task: Annotated[str, typer.Argument(metavar="TASK", help="A task of an installed suite, or with --suite of that.")],
    suite: Annotated[
        str | None, typer.Option("--suite", metavar="SUITE", help="The suite, by name or TOML file, that has the task.")
    ] = None,
    backbone: Annotated[
        str, typer.Option("--backbone", metavar="NAME@WEIGHTS", help="Whose features are compared.")
    ] = DEFAULT_BACKBONE,
    size: Annotated[int, typer.Option("--size", min=8, max=2048, help="Side of the pictures in pixels.")] = 128,
    images: Annotated[int, typer.Option("--images", min=10, help="Most images a side for the distances.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Of every draw.")] = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.png", help="Draw a figure too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Measure what separates the domains of a task.

    An analysis: it reads the target's labels, and nothing of it reaches training.
    """
    from ucdver.evaluate.gap import GapMeter

    if output is not None:
        from ucdver.report.figures.canvas import check_png

        check_png(output)
    registry = load_registry(suite_folder(suite or ""))
    chosen = find_task(registry, task, suite)
    try:
        recipe = Recipe(backbone=backbone, frozen=True, image=ImageRecipe(size=size))
    except ValidationError as error:
        raise SpecError(f"--backbone {backbone}: {first_fault(error)}", "write --backbone NAME@WEIGHTS") from error
    catalog = Catalog(registry, data_home())
    for name in chosen.datasets:
        catalog.ensure(name)
    gaps = GapMeter(catalog, registry, recipe, most=images, seed=seed).measure(chosen)
    classes = registry.label_spaces.get(chosen.label_space).classes
    if as_json:
        settings = {"task": chosen.id, "backbone": backbone, "size": size, "seed": seed, "classes": list(classes)}
        write_json({**settings, "reads_target_labels": True, "gaps": [asdict(found) for found in gaps]})
    else:
        for found in gaps:
            _write(found)
    say("an analysis that reads target labels; nothing of it reaches training")
    if output is not None:
        _draw(f"{chosen.id}: {gaps[0].source}, features of {backbone}", classes, gaps, output)


def find_task(registry: Registry, name: str, suite: str | None) -> Task:
    """Return a task of `suite`; without one, the registered task, else that of an installed suite, of that name.

    Raises:
        PluginError: there is no such task.
        SpecError: several suites have different tasks of that name.
    """
    if suite is None and name in registry.tasks:
        return registry.tasks.get(name)
    places = registry.suites.names if suite is None else (suite,)
    loaded: dict[str, Suite] = {}
    broken = ""
    for place in places:
        try:
            loaded[place] = load_suite(place, registry)
        except UcdverError as error:
            if suite is not None:
                raise
            # Of somebody's plugin: it need not have the task.
            broken += f"; suite '{place}' is left out: {error.problem}"
    found = {place: task for place, held in loaded.items() for task in held.tasks if task.id == name}
    if not found:
        known = [task.id for held in loaded.values() for task in held.tasks]
        hint = suggestion(name, known, f"there are {', '.join(dict.fromkeys(known))}")
        raise PluginError(f"there is no task '{name}' in {suite or 'any installed suite'}", hint + broken)
    if len({task.model_dump_json() for task in found.values()}) > 1:
        raise SpecError(f"{' and '.join(found)} have different tasks '{name}'", f"add --suite {next(iter(found))}")
    return next(iter(found.values()))


def _write(found: Gap) -> None:
    """Write one gap as a table: a line a measure, with its 95 % interval."""
    a, mmd, priors, scatter = found.a_distance, found.mmd, found.priors, found.scatter
    rows = [
        ("proxy A-distance", a.mean, a.low, a.high, "2 (1 - 2 error) of a linear classifier; 0 the same, 2 told apart"),
        ("squared MMD", mmd.value, mmd.low, mmd.high, f"permutation test: p = {mmd.p_value:.3f}"),
        _distance("prior, total variation", priors.total_variation, f"permutation test: p = {priors.p_value:.3f}"),
        _distance("prior, Jensen-Shannon", priors.jensen_shannon, "in bits, 0 to 1"),
        _distance("within-class scatter, source", scatter.source, "share of the total"),
        _distance("within-class scatter, target", scatter.target, "share of the total"),
        _distance("target over source", scatter.ratio, "above 1: expressions vary more in the target"),
    ]
    few, many = sum(found.source_counts), sum(found.target_counts)
    say(f"{found.source} ({few} images) and {found.target} ({many} images)")
    table = [
        (name, f"{value:.4f}", "-" if low is None or high is None else f"{low:.4f} to {high:.4f}", note)
        for name, value, low, high, note in rows
    ]
    write_table(("MEASURE", "VALUE", "95 % INTERVAL", "NOTE"), table)


def _distance(name: str, found: Distance, note: str) -> tuple[str, float, float, float, str]:
    return name, found.value, found.low, found.high, note


def _draw(title: str, classes: Sequence[str], gaps: Sequence[Gap], path: Path) -> None:
    from ucdver.report.figures.canvas import write_png
    from ucdver.report.figures.gap import gap_figure

    write_png(gap_figure(title, classes, gaps), path)
    say(f"wrote {path}")
