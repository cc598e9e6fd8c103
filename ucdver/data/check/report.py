"""What a check of a data set found, and how it is written to a file."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

from ucdver.errors import SpecError
from ucdver.files import atomic_write_text


@dataclass(frozen=True)
class Entry:
    """One thing that was found: the rows that it is about, their paths, and what is to be said of it."""

    ids: tuple[str, ...]
    paths: tuple[str, ...]
    detail: str = ""


@dataclass(frozen=True)
class Finding:
    """All that was found of one kind.

    Attributes:
        kind: a short name, as in `unreadable`.
        fault: whether results would be others, or nothing could be run; else it is a note.
        meaning: what the kind is, in words.
        entries: at least one.
        advice: what to do; may be empty.
    """

    kind: str
    fault: bool
    meaning: str
    entries: tuple[Entry, ...]
    advice: str = ""


@dataclass(frozen=True)
class CheckReport:
    """The outcome of one check.

    Attributes:
        dataset, root: what was checked, and where.
        rows: how many rows its reader gave.
        files: how many files they name; `read` of them were read now, the others known from before.
        findings: in the order of the checks; faults and notes.
        compared: other data sets whose pictures were compared with these.
        not_compared: other data sets that are here, and whose pictures nobody has hashed yet.
    """

    dataset: str
    root: Path
    rows: int
    files: int
    read: int
    findings: tuple[Finding, ...]
    compared: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()

    @property
    def has_faults(self) -> bool:
        """Whether something was found that would change results."""
        return any(finding.fault for finding in self.findings)

    def finding(self, kind: str) -> Finding | None:
        """Return what was found of one kind, or None."""
        return next((finding for finding in self.findings if finding.kind == kind), None)

    def to_json(self) -> dict[str, object]:
        """Return all of it as JSON types."""
        return {
            "dataset": self.dataset,
            "root": str(self.root),
            "rows": self.rows,
            "files": self.files,
            "faults": self.has_faults,
            "compared": list(self.compared),
            "not_compared": list(self.not_compared),
            "findings": [
                {
                    "kind": finding.kind,
                    "state": "fault" if finding.fault else "note",
                    "meaning": finding.meaning,
                    "advice": finding.advice,
                    "count": len(finding.entries),
                    "entries": [
                        {"ids": list(entry.ids), "paths": list(entry.paths), "detail": entry.detail}
                        for entry in finding.entries
                    ],
                }
                for finding in self.findings
            ],
        }

    def write(self, path: Path) -> None:
        """Write everything to a .json or .csv file, atomically; in CSV a row of the data set is a line.

        Raises:
            SpecError: `path` ends in something else.
        """
        check_report_path(path)
        if path.suffix.lower() == ".json":
            atomic_write_text(path, json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n")
            return
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("kind", "state", "number", "id", "path", "detail"))
        for finding in self.findings:
            state = "fault" if finding.fault else "note"
            for number, entry in enumerate(finding.entries, start=1):
                for row_id, row_path in zip(entry.ids, entry.paths, strict=True) if entry.ids else [("", "")]:
                    writer.writerow((finding.kind, state, number, row_id, row_path, entry.detail))
        atomic_write_text(path, text.getvalue())


def check_report_path(path: Path) -> None:
    """Refuse a report whose name does not say how it is to be written."""
    if path.suffix.lower() not in (".json", ".csv"):
        raise SpecError(f"a report is JSON or CSV, and '{path}' is called neither", "write -o FILE.json or FILE.csv")
