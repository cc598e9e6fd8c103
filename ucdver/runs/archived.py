"""One run in an archive: whether its predictions can be those of the run, and their labels."""

from __future__ import annotations

import io
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Container
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ucdver.errors import DataError
from ucdver.evaluate.predictions import COLUMNS, MOST_CELLS, Predictions, read_predictions, write_predictions
from ucdver.spec.run import RunRecord, RunSpec

#: Unpacked, of one member; far above any benchmark of this kind, and below what fills memory.
MOST_MEMBER = 2**30
#: Images of one run: packed columns say little of how much they unpack to.
_MOST_ROWS = 2_000_000
#: Characters' bytes of one name, and of all names of a column.
_LONGEST_NAME = 4096
_MOST_NAMES = 2**28
_NAMES = ("id", "split", "domain")
#: What reading a damaged or foreign file raises, of zip's compressions and of Parquet.
FAULTS = (
    DataError,
    ValueError,
    TypeError,
    KeyError,
    RuntimeError,
    OSError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    pa.ArrowException,
)


#: Fills in the labels of a run's predictions, or raises DataError.
Reveal = Callable[[RunSpec, Predictions], Predictions]


class ArchivedRun:
    """The predictions of one run in an archive, by file, with their labels; those of `bare` files are looked up."""

    def __init__(
        self, archive: zipfile.ZipFile, files: list[str], bare: Container[str], record: RunRecord, reveal: Reveal | None
    ) -> None:
        self.archive = archive
        self.files = files
        self.bare = bare
        self.record = record
        self.reveal = reveal

    def check_labels(self) -> None:
        """Raise DataError where labels are hidden and cannot be filled in."""
        for file in self.files:
            if self._name(file) in self.bare:
                self.read(file)

    def read(self, file: str) -> bytes:
        """Return the file, with labels."""
        name = self._name(file)
        content = read_member(self.archive, name)
        if name not in self.bare:
            return content
        if self.reveal is None:
            raise DataError("the archive has no labels, and no data to look them up in are given")
        return as_bytes(self.reveal(self.record.spec, fitting(content, self.record)))

    def _name(self, file: str) -> str:
        return f"{self.record.spec.key()}/{file}"


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a member, never unpacking more than it says it holds."""
    size = archive.getinfo(name).file_size
    if size > MOST_MEMBER:
        raise ValueError(f"it would unpack to more than {MOST_MEMBER // 2**20} MiB")
    with archive.open(name) as member:
        return member.read(size)


def as_bytes(predictions: Predictions) -> bytes:
    """Return predictions as a file of an archive."""
    packed = io.BytesIO()
    write_predictions(predictions, packed)
    return packed.getvalue()


def fitting(content: bytes, record: RunRecord) -> Predictions:
    """Return the predictions in a file, or say in a ValueError why they cannot be those of a run."""
    classes = len(record.spec.classes)
    _check_size(pq.ParquetFile(io.BytesIO(content)), classes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.parquet"
        path.write_bytes(content)
        try:
            predictions = read_predictions(path)
        except DataError as error:
            raise ValueError(error.problem.replace(str(path), "the file")) from error
    if predictions.logits.shape[1] != classes:
        raise ValueError(f"it has {predictions.logits.shape[1]} logits an image, and the run has {classes} classes")
    known = len(predictions) > 0 and not predictions.hides_labels
    if known and not 0 <= predictions.labels.min() <= predictions.labels.max() < classes:
        raise ValueError(f"a label is not one of its {classes} classes")
    if not np.isfinite(predictions.logits).all():
        raise ValueError("a logit is not finite")
    rows = list(zip(predictions.splits, predictions.domains, predictions.ids, strict=True))
    if len(set(rows)) < len(rows):
        raise ValueError("an image is in it twice")
    tested = {domain for split, domain, _ in rows if split == "target_test"}
    if strange := tested - {str(target) for target in record.spec.task.targets}:
        raise ValueError(f"{min(strange)} is no target of the run's task")
    return predictions


def _check_size(file: pq.ParquetFile, classes: int) -> None:
    """Refuse, before it is read, a file that would unpack to more than predictions of so many classes are."""
    held, schema = file.metadata, file.schema_arrow
    if held.num_rows > _MOST_ROWS:
        raise ValueError(f"it has {held.num_rows} rows, more than {_MOST_ROWS}")
    if sum(held.row_group(i).total_byte_size for i in range(held.num_row_groups)) > MOST_MEMBER:
        raise ValueError(f"it would unpack to more than {MOST_MEMBER // 2**20} MiB")
    if held.num_rows * classes > MOST_CELLS:
        raise ValueError(f"its rows have more than {MOST_CELLS} logits")
    for field in schema:
        if field.name in ("logits", "soft"):
            if not pa.types.is_fixed_size_list(field.type):
                raise ValueError(f"the column {field.name} is {field.type}, not one row of numbers an image")
            if field.type.list_size != classes:
                what = "logits" if field.name == "logits" else "soft labels"
                raise ValueError(f"it has {field.type.list_size} {what} an image, and the run has {classes} classes")
        elif field.name in _NAMES and not pa.types.is_string(field.type):
            raise ValueError(f"the column {field.name} is {field.type}, not text")
        elif field.name in (*COLUMNS, "predicted") and pa.types.is_nested(field.type):
            raise ValueError(f"the column {field.name} is {field.type}, not one value an image")
    for name in _NAMES:
        if name in schema.names:
            _check_names(file, name)


def _check_names(file: pq.ParquetFile, name: str) -> None:
    """Refuse a column of names that are too long or too many: one is written once and may stand in every row."""
    held = file.metadata
    # No name is longer than its packed column, which bounds how much a batch can become.
    groups = [held.row_group(i) for i in range(held.num_row_groups)]
    packed = max((g.column(i).total_uncompressed_size for g in groups for i in _columns(g, name)), default=1)
    total = 0
    for batch in file.iter_batches(batch_size=min(max(_MOST_NAMES // max(packed, 1), 1), 2**16), columns=[name]):
        lengths = pc.binary_length(batch.column(0))
        if (pc.max(lengths).as_py() or 0) > _LONGEST_NAME:
            raise ValueError(f"the column {name} has a name of more than {_LONGEST_NAME} bytes")
        total += pc.sum(lengths).as_py() or 0
        if total > _MOST_NAMES:
            raise ValueError(f"the names of the column {name} would unpack to more than {_MOST_NAMES // 2**20} MiB")


def _columns(group: pq.RowGroupMetaData, name: str) -> list[int]:
    return [i for i in range(group.num_columns) if group.column(i).path_in_schema == name]
