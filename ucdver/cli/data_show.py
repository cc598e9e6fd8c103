"""`ucdver data show`: a data set counted, and some of its pictures to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ucdver.cli.look import Look
from ucdver.cli.output import say, write_json, write_table
from ucdver.data.catalog import Catalog
from ucdver.data.home import data_home
from ucdver.data.manifest import SPLITS
from ucdver.errors import DataError, SpecError, suggestion
from ucdver.plugins import load_registry

_IN_TERMINAL = 6


def show_data(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As 'ucdver data list' shows it.")],
    space: Annotated[
        str | None, typer.Option("--space", metavar="SPACE", help="Label space; default: the usual one.")
    ] = None,
    domain: Annotated[str | None, typer.Option("--domain", metavar="D", help="Only this domain.")] = None,
    split: Annotated[
        str | None, typer.Option("--split", metavar="S", help="Only this split: train, val, test or none.")
    ] = None,
    label: Annotated[str | None, typer.Option("--label", metavar="L", help="Only this class.")] = None,
    number: Annotated[
        int | None, typer.Option("-n", metavar="N", min=0, max=200, help="Show N pictures; default: 6 in a terminal.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE.png", help="Write a contact sheet too.")
    ] = None,
    each: Annotated[
        int | None,
        typer.Option("--each", min=1, max=20, help="Pictures a class in the sheet without -n; default: 2."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Count a data set's images, and look at some.

    The counts are by domain, class and split. A terminal with colours shows pictures; -o draws a contact sheet of
    the N pictures, or, without -n, of every domain and class.
    """
    if as_json and number is not None and out is None:
        raise SpecError("--json counts, and shows no pictures", "drop -n, or draw them with -o FILE.png")
    if each is not None and (number is not None or out is None):
        raise SpecError("--each is for a sheet of every class", "give it with -o FILE.png and without -n")
    catalog = Catalog(load_registry(Path.cwd()), data_home())
    look = _look(catalog, name, space, domain, split, label)
    if as_json:
        write_json({"dataset": name, "label_space": look.space, "counts": _plain_counts(look)})
    else:
        _write_counts(look)
        _show_samples(catalog, look, number)
    for reason, left in look.manifest.left_out.items():
        say(f"{left} rows are left out: {reason}")
    if out is not None:
        from ucdver.cli.sheet import write_samples, write_sheet

        write_sheet(catalog, look, out, each or 2) if number is None else write_samples(catalog, look, out, number)
        say(f"wrote {out}")


def _look(
    catalog: Catalog, name: str, space: str | None, domain: str | None, split: str | None, label: str | None
) -> Look:
    """Return what was asked for; a name that there is not is a DataError with the nearest one."""
    spec = catalog.registry.datasets.get(name)
    chosen = _known(space or spec.label_spaces[0], spec.label_spaces, f"data set '{name}' has no labels in")
    classes = catalog.registry.label_spaces.get(chosen).classes
    if label is not None:
        classes = (_known(label, classes, f"label space '{chosen}' has no class"),)
    if split is not None:
        split = _known(split, (*SPLITS[1:], "none"), "there is no split").replace("none", "")
    manifest = catalog.manifest(name)
    rows = tuple(
        row
        for row in manifest.rows(domain)
        if split in (None, row.split) and label in (None, row.labels.get(chosen, ""))
    )
    if not rows:
        raise DataError(f"data set '{name}' has no such picture", f"'ucdver data show {name}' counts what it has")
    return Look(manifest, chosen, spec.domains if domain is None else (domain,), classes, rows)


def _known(value: str, known: Sequence[str], problem: str) -> str:
    if value not in known:
        raise DataError(f"{problem} '{value}'", suggestion(value, known, f"there are {', '.join(known)}"))
    return value


def _counts(look: Look) -> Counter[tuple[str, str, str]]:
    return Counter((row.domain, row.labels.get(look.space, ""), row.split) for row in look.rows)


def _plain_counts(look: Look) -> list[dict[str, object]]:
    counts = _counts(look)
    splits = sorted({split for _, _, split in counts})
    return [
        {"domain": domain, "class": label, "split": split, "images": counts[(domain, label, split)]}
        for domain in look.domains
        for label in (*look.classes, "")
        for split in splits
        if counts[(domain, label, split)]
    ]


def _write_counts(look: Look) -> None:
    """Write a line for each domain and class that has images, a column for each split, and a sum a domain."""
    counts = _counts(look)
    splits = sorted({split for _, _, split in counts})
    lines: list[tuple[str, ...]] = []
    for domain in look.domains:
        totals = [0] * len(splits)
        for label in (*look.classes, ""):
            numbers = [counts[(domain, label, split)] for split in splits]
            totals = [total + n for total, n in zip(totals, numbers, strict=True)]
            if label or sum(numbers):
                lines.append((domain, label or "(no label)", *(str(n) for n in numbers), str(sum(numbers))))
        lines.append((domain, "all", *(str(n) for n in totals), str(sum(totals))))
    names = [split.upper() or "NO SPLIT" for split in splits]
    write_table(("DOMAIN", look.space.upper(), *names, "IMAGES"), lines)


def _show_samples(catalog: Catalog, look: Look, number: int | None) -> None:
    """Show the first rows, which stand in no order that tells anything, as pictures where the terminal can."""
    from ucdver.cli.cells import can_show, print_cells

    console = Console()
    shown = look.rows[: (_IN_TERMINAL if can_show(console) else 0) if number is None else number]
    if not shown:
        return
    typer.echo()
    if can_show(console):
        from ucdver.cli.sheet import row_drawer

        draw = row_drawer(catalog, look.manifest.dataset)
        print_cells(console, [(draw(row), row.labels.get(look.space, "no label")) for row in shown])
    lines = []
    for row in shown:
        width, height = look.manifest.size(row.id)
        size = f"{width} x {height}" if width else "-"
        lines.append((row.id, row.domain, row.split or "-", row.labels.get(look.space, "-"), size, row.path))
    write_table(("ID", "DOMAIN", "SPLIT", look.space.upper(), "SIZE", "PATH"), lines)
