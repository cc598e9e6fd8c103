"""`ucdver data check`: what is wrong with a data set, file by file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ucdver.cli.output import say, table_lines, write_json
from ucdver.cli.scan_progress import ScanProgress
from ucdver.data.catalog import Catalog
from ucdver.data.home import data_home
from ucdver.data.perceptual import NEAR_BITS
from ucdver.errors import DataError
from ucdver.plugins import load_registry

if TYPE_CHECKING:
    from ucdver.data.check.report import CheckReport, Entry
    from ucdver.data.check.run import Checked

_SHOWN = 3


def check_data(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As 'ucdver data list' shows it.")],
    root: Annotated[
        Path | None, typer.Option("--root", metavar="DIR", help="The folder that holds it, if it is not added yet.")
    ] = None,
    near: Annotated[
        int, typer.Option("--near", min=0, max=11, help="Pictures this many of 64 bits apart look the same.")
    ] = NEAR_BITS,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="Leave out of the data set what cannot be decoded.")
    ] = False,
    placeholders: Annotated[
        bool, typer.Option("--quarantine-placeholders", help="Leave out placeholder pictures too.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Read every file again, known or not.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write all of it as .json or .csv.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Look for missing, damaged, doubled and mislabelled pictures.

    Exit code 1 where something would change results. Each file is read once; a check that was stopped goes on
    where it was.
    """
    from ucdver.data.check.report import check_report_path
    from ucdver.data.check.run import check_dataset

    if output is not None:
        check_report_path(output)
    catalog = Catalog(load_registry(Path.cwd()), data_home())
    place = catalog.place(name, root)
    with ScanProgress(f"data set '{name}'", Console(stderr=True)) as progress:
        report, checked = check_dataset(catalog, place, near=near, again=again, progress=progress)
    _write(report, output, as_json)
    if quarantine or placeholders:
        _leave_out(catalog, checked, placeholders)
    if report.has_faults:
        raise typer.Exit(1)


def _write(report: CheckReport, output: Path | None, as_json: bool) -> None:
    if as_json:
        write_json(report.to_json())
    else:
        _write_findings(report)
    if output is not None:
        report.write(output)
        say(f"wrote {output}")
    _say_what_next(report)


def _write_findings(report: CheckReport) -> None:
    """Write a line for each kind of finding, and below it the first of its entries."""
    heads = [
        ("fault" if found.fault else "note", found.kind, str(len(found.entries)), found.meaning)
        for found in report.findings
    ]
    lines = table_lines(("STATE", "KIND", "COUNT", "MEANING"), heads)
    for line, found in zip(lines[1:], report.findings, strict=True):
        typer.echo(line)
        for entry in found.entries[:_SHOWN]:
            typer.echo(f"       {_text(entry)}")
        if len(found.entries) > _SHOWN:
            typer.echo(f"       and {len(found.entries) - _SHOWN} more")


def _text(entry: Entry) -> str:
    paths = " = ".join(entry.paths[:_SHOWN]) + (" = …" if len(entry.paths) > _SHOWN else "")
    line = f"{paths}  ({entry.detail})" if entry.paths and entry.detail else paths or entry.detail
    # A name may hold anything, and what moves the cursor has no place in a table.
    return "".join(sign if sign.isprintable() else "?" for sign in line)


def _say_what_next(report: CheckReport) -> None:
    for found in report.findings:
        if found.advice:
            say(f"{found.kind}: {found.advice}")
    if report.compared:
        say(f"compared with {', '.join(report.compared)}")
    for other in report.not_compared:
        say(f"not compared with '{other}', whose pictures are not hashed yet: ucdver data check {other}")
    faults = sum(found.fault for found in report.findings)
    notes = len(report.findings) - faults
    read = f"{report.read} read now" if report.read else "all known from before"
    counts = f"{report.rows} rows, {report.files} files ({read})"
    say(f"data set '{report.dataset}': {counts}; {faults} kinds of fault, {notes} of note")


def _leave_out(catalog: Catalog, checked: Checked, placeholders: bool) -> None:
    """Write the quarantine list, and read the data set again where it was added from the same folder."""
    from ucdver.data.check.run import quarantine_list
    from ucdver.data.quarantine import read_quarantine, write_quarantine

    place = checked.place
    name = place.spec.name
    with catalog.held(name):
        held = quarantine_list(checked, read_quarantine(place.folder), placeholders)
        path = write_quarantine(place.folder, held)
    say(f"{len(held)} rows of '{name}' are left out; {path} lists them")
    if catalog.status(name).root != place.root:
        say(f"read it without them: ucdver data add {name} --root {place.root}")
        return
    try:
        manifest = catalog.add(name, place.root)
    except DataError as error:
        raise DataError(f"{error.problem} (and so the data set stays as it was read before)", error.hint) from error
    say(f"data set '{name}' is read again: {len(manifest.rows())} rows")
