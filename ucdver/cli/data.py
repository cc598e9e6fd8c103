"""`ucdver data`: the data sets on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ucdver.cli.data_check import check_data
from ucdver.cli.data_show import show_data
from ucdver.cli.gap import gap
from ucdver.cli.output import say, write_json, write_table
from ucdver.cli.scan_progress import ScanProgress
from ucdver.data.catalog import Catalog
from ucdver.data.home import data_home
from ucdver.data.manifest import Manifest
from ucdver.plugins import load_registry

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="List, fetch, add, check and look at data sets.")
app.command("check")(check_data)
app.command("show")(show_data)
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
    moved = {s.dataset: s.root for s in found if s.state == "ready" and not s.root_exists}
    rows = [
        (s.dataset, "moved" if s.dataset in moved else s.state, str(sum(s.counts.values()) or "-"), str(s.root or "-"))
        for s in found
    ]
    write_table(("NAME", "STATE", "IMAGES", "FOLDER"), rows)
    for status in found:
        if status.dataset in moved:
            say(f"{status.dataset}: {status.root} is gone: ucdver data add {status.dataset} --root DIR")
        elif status.hint:
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

    Every row is checked, every file is read once, and where the data are is remembered; nothing is copied. What
    was stopped goes on where it was.
    """
    catalog = _catalog()
    with ScanProgress(f"data set '{name}'", Console(stderr=True)) as progress:
        manifest = catalog.add(name, root, progress)
    _report(catalog, manifest)


def _catalog() -> Catalog:
    return Catalog(load_registry(Path.cwd()), data_home())


def _report(catalog: Catalog, manifest: Manifest) -> None:
    rows = [(domain, str(len(manifest.rows(domain)))) for domain in manifest.domains]
    write_table(("DOMAIN", "IMAGES"), rows)
    for reason, count in manifest.left_out.items():
        say(f"{count} rows are left out: {reason}; 'ucdver data check {manifest.dataset}' lists them")
    if catalog.registry.datasets.get(manifest.dataset).loader is None:
        undecoded = sum(manifest.size(row.id) == (0, 0) for row in manifest.rows())
        if undecoded:
            say(f"{undecoded} pictures cannot be decoded: ucdver data check {manifest.dataset} --quarantine")
    say(f"data set '{manifest.dataset}' is ready in {catalog.root(manifest.dataset)}")
