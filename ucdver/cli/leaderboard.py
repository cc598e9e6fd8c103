"""`ucdver leaderboard`: the results of a runs folder, recomputed from its predictions, in any format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from ucdver.cli.output import say, write_table
from ucdver.cli.per_image import print_differences
from ucdver.discovery import fenced
from ucdver.errors import SpecError
from ucdver.files import atomic_write_text
from ucdver.plugins import load_registry
from ucdver.registry import Registry, load_callable
from ucdver.report.comparison import ALL, broken_rules, compare_rules, rule_names
from ucdver.report.comparison_text import WRITERS
from ucdver.report.format import ORACLE, one_line
from ucdver.report.leaderboard import build_leaderboard, oracle_methods
from ucdver.report.per_class import per_class, unlike
from ucdver.report.per_image import per_image
from ucdver.runs.store import RunStore
from ucdver.spec.plugin import ExporterSpec


def leaderboard(
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="The runs folder.")] = Path("runs"),
    suite: Annotated[
        str | None, typer.Option("--suite", metavar="SUITE", help="Default: the one planned last.")
    ] = None,
    metric: Annotated[str | None, typer.Option("--metric", metavar="METRIC", help="Default: the suite's own.")] = None,
    selection: Annotated[
        str, typer.Option("--selection", metavar="RULE", help="How each run's checkpoint is chosen; RULE,RULE or all.")
    ] = "last",
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="table, md, csv, latex, html, json or curves; default: as FILE ends, else table.",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="METHOD", help="Compare with this method; default: source_only."),
    ] = None,
    by_class: Annotated[bool, typer.Option("--per-class", help="Show the recall of each class instead.")] = False,
    by_image: Annotated[
        bool,
        typer.Option("--per-image", help="Show differences on each test set instead, with intervals over its images."),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to a file, not to stdout.")
    ] = None,
) -> None:
    """Show or export the results in a runs folder, every number recomputed from the stored predictions."""
    registry = load_registry(Path.cwd())
    exporter = _exporter(registry, format_name, output)
    store = RunStore(runs)
    if by_class or by_image:
        rule = None if selection == "last" else selection
        others = {"--metric": metric, "-o": output, "--selection": rule, "--format": format_name}
        if by_class:
            _alone("--per-class", "recalls", {**others, "--against": against, "--per-image": by_image or None})
            _print_classes(store, registry, suite)
        else:
            _alone("--per-image", "differences of accuracy", others)
            print_differences(per_image(store, registry, store.plan(suite), against))
        return
    if selection == ALL or "," in selection:
        text = _compared(store, registry, suite, metric, selection, against, exporter.name)
        _write(text, output, exporter.suffix)
        return
    board = build_leaderboard(store, registry, store.plan(suite), metric, selection, against)
    export = load_callable(exporter.target, f"exporter '{exporter.name}'")
    text = fenced(f"exporter '{exporter.name}'", lambda: str(export(board)), "choose another with --format")
    _write(text, output, exporter.suffix)


def _alone(option: str, what: str, others: Mapping[str, object]) -> None:
    """Refuse options beside one with a table of its own, which would pass over them."""
    given = [name for name, value in others.items() if value is not None]
    if given:
        raise SpecError(f"{option} prints {what} at the last step as a table, without {given[0]}", "drop one")


def _exporter(registry: Registry, name: str | None, output: Path | None) -> ExporterSpec:
    """Return the exporter of that name; without one, that whose files end as `output` does, or the table."""
    if name is not None:
        return registry.exporters.get(name)
    if output is None or not output.suffix or output.is_dir():
        return registry.exporters.get("table")
    endings = {one.suffix.lower(): one for one in reversed(list(registry.exporters))}
    if output.suffix.lower() not in endings:
        raise SpecError(
            f"no format writes files that end as '{output.name}' does",
            f"end it with {', '.join(sorted(endings))}, or add --format",
        )
    return endings[output.suffix.lower()]


def _write(text: str, output: Path | None, suffix: str) -> None:
    if output is None:
        typer.echo(text.rstrip("\n"))
        return
    if output.is_dir():
        raise SpecError(f"{output} is a folder", f"name a file, as in -o {output}/leaderboard{suffix}")
    atomic_write_text(output, text)
    say(f"wrote {output}")


def _compared(
    store: RunStore,
    registry: Registry,
    suite: str | None,
    metric: str | None,
    selection: str,
    against: str | None,
    format_name: str,
) -> str:
    """Return several selection rules side by side, as text."""
    if format_name not in WRITERS:
        raise SpecError(
            f"--format {format_name} writes one selection rule", f"name one, or use --format {', '.join(WRITERS)}"
        )
    rules = rule_names(selection, registry)
    if selection == ALL:
        for name, why in broken_rules(registry).items():
            say(f"left out: rule '{name}': {why}")
    return WRITERS[format_name](compare_rules(store, registry, store.plan(suite), rules, metric, against))


def _print_classes(store: RunStore, registry: Registry, suite: str | None) -> None:
    """Print one table a label space: methods x classes, recall in per cent."""
    plan = store.plan(suite)
    oracles = oracle_methods(registry, plan)
    for space, rows in per_class(store, plan).items():
        classes = list(dict.fromkeys(name for row in rows for name in row.recalls))
        typer.echo(f"recall by class (%), label space {one_line(space)}: mean over tasks and seeds")
        body = [
            [
                f"{one_line(row.method)} {ORACLE}" if row.method in oracles else one_line(row.method),
                *["-" if (r := row.recalls.get(c)) is None else f"{100 * r:.1f}" for c in classes],
                str(row.runs),
            ]
            for row in rows
        ]
        write_table(["method", *map(one_line, classes), "runs"], body)
        for note in unlike(rows):
            typer.echo(note)
