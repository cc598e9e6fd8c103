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
import pyarrow.parquet as pq

from ucdver.errors import DataError
from ucdver.evaluate.predictions import Predictions, read_predictions, write_predictions
from ucdver.spec.run import RunRecord, RunSpec

#: Unpacked, of one member; far above any benchmark of this kind, and below what fills memory.
MOST_MEMBER = 2**30
#: Images of one run: packed columns say little of how much they unpack to.
_MOST_ROWS = 10_000_000
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
    held = pq.ParquetFile(io.BytesIO(content)).metadata
    if held.num_rows > _MOST_ROWS:
        raise ValueError(f"it has {held.num_rows} rows, more than {_MOST_ROWS}")
    if sum(held.row_group(i).total_byte_size for i in range(held.num_row_groups)) > MOST_MEMBER:
        raise ValueError(f"it would unpack to more than {MOST_MEMBER // 2**20} MiB")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.parquet"
        path.write_bytes(content)
        try:
            predictions = read_predictions(path)
        except DataError as error:
            raise ValueError(error.problem.replace(str(path), "the file")) from error
    classes = len(record.spec.classes)
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
