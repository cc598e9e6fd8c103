"""`ucdver data`: the data sets on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ucdver.cli.gap import gap
from ucdver.cli.output import say, write_json, write_table
from ucdver.data.catalog import Catalog
from ucdver.data.home import data_home
from ucdver.data.manifest import Manifest, Row
from ucdver.errors import DataError, suggestion
from ucdver.plugins import load_registry

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="List, fetch, add and look at data sets.")
app.command("gap")(gap)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="As 'ucdver data list' shows it.")]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]


@app.command("list")
def list_data(as_json: _Json = False) -> None:
    """List the data sets and where they are.

    For one that is not here, it says what to type.
    """
    catalog = _catalog()
    found = [catalog.status(name) for name in catalog.registry.datasets.names]
    if as_json:
        write_json(
            [
                {
                    "name": s.dataset,
                    "state": s.state,
                    "root": str(s.root) if s.root else "",
                    "root_exists": s.root_exists,
                    "images": s.counts,
                    "next": s.hint,
                }
                for s in found
            ]
        )
        return
    rows = [(s.dataset, s.state, str(sum(s.counts.values()) or "-"), str(s.root or "-")) for s in found]
    write_table(("NAME", "STATE", "IMAGES", "FOLDER"), rows)
    for status in found:
        if status.hint:
            say(f"{status.dataset}: {status.hint}")


@app.command("fetch")
def fetch_data(name: _Name) -> None:
    """Fetch an openly licensed data set.

    One that is here already is not fetched again.
    """
    catalog = _catalog()
    manifest = catalog.fetch(name)
    _report(catalog, manifest)


@app.command("add")
def add_data(
    name: _Name,
    root: Annotated[Path, typer.Option("--root", metavar="DIR", help="The folder that holds it.")],
) -> None:
    """Read a data set from a folder.

    Every row is checked, and where the data are is remembered; nothing is copied.
    """
    catalog = _catalog()
    manifest = catalog.add(name, root)
    _report(catalog, manifest)


@app.command("show")
def show_data(
    name: _Name,
    space: Annotated[
        str | None, typer.Option("--space", metavar="SPACE", help="Label space; default: the usual one.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.png", help="Write a contact sheet too.")] = None,
    each: Annotated[int, typer.Option("--each", min=1, max=20, help="Pictures a class in the sheet.")] = 2,
    as_json: _Json = False,
) -> None:
    """Count a data set's images, or draw them.

    The counts are by domain, class and split; --out draws a contact sheet.
    """
    catalog = _catalog()
    spec = catalog.registry.datasets.get(name)
    chosen = space or spec.label_spaces[0]
    if chosen not in spec.label_spaces:
        hint = suggestion(chosen, spec.label_spaces, f"it has {', '.join(spec.label_spaces)}")
        raise DataError(f"data set '{name}' has no labels in '{chosen}'", hint)
    classes = catalog.registry.label_spaces.get(chosen).classes
    rows = catalog.manifest(name).rows()
    splits = sorted({row.split for row in rows})
    counts = [
        {
            "domain": domain,
            "class": label,
            "split": split,
            "images": _count(rows, chosen, domain, label, split),
        }
        for domain in spec.domains
        for label in (*classes, "")
        for split in splits
    ]
    if as_json:
        write_json({"dataset": name, "label_space": chosen, "counts": [c for c in counts if c["images"]]})
    else:
        _write_counts(rows, chosen, spec.domains, classes, splits)
    if out is not None:
        from ucdver.cli.sheet import write_sheet

        write_sheet(catalog, name, chosen, out, each)
        say(f"wrote {out}")


def _catalog() -> Catalog:
    return Catalog(load_registry(Path.cwd()), data_home())


def _report(catalog: Catalog, manifest: Manifest) -> None:
    rows = [(domain, str(len(manifest.rows(domain)))) for domain in manifest.domains]
    write_table(("DOMAIN", "IMAGES"), rows)
    say(f"data set '{manifest.dataset}' is ready in {catalog.root(manifest.dataset)}")


def _count(rows: tuple[Row, ...], space: str, domain: str, label: str, split: str) -> int:
    return sum(r.domain == domain and r.split == split and r.labels.get(space, "") == label for r in rows)


def _write_counts(
    rows: tuple[Row, ...], space: str, domains: tuple[str, ...], classes: tuple[str, ...], splits: list[str]
) -> None:
    """Write a line for each domain and class that has images, a column for each split, and a sum a domain."""
    lines: list[tuple[str, ...]] = []
    for domain in domains:
        for label in (*classes, ""):
            counts = [_count(rows, space, domain, label, split) for split in splits]
            if label or sum(counts):
                lines.append((domain, label or "(no label)", *(str(n) for n in counts), str(sum(counts))))
        totals = [sum(r.domain == domain and r.split == split for r in rows) for split in splits]
        lines.append((domain, "all", *(str(n) for n in totals), str(sum(totals))))
    names = [split.upper() or "NO SPLIT" for split in splits]
    write_table(("DOMAIN", space.upper(), *names, "IMAGES"), lines)
