"""Whether a file of predictions in an archive can be that of the run that it goes with."""

from __future__ import annotations

import io
import lzma
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ucdver.errors import DataError
from ucdver.evaluate.predictions import Predictions, read_predictions
from ucdver.spec.run import RunRecord

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
    if len(predictions) and not 0 <= predictions.labels.min() <= predictions.labels.max() < classes:
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
