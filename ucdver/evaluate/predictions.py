"""Predictions per image, as Parquet: what every number in every table is computed from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ucdver.errors import DataError

#: In the place of a true class that was not published: who has the data looks it up.
HIDDEN = -1
_AGAIN = "run it again with --rerun always"
COLUMNS = ("id", "split", "domain", "label")
#: Under this name a file of predicted classes says how many there are: the classes in it may be fewer.
_CLASSES = b"classes"
#: Images times classes, far above any benchmark of this kind: a packed column says little of how much it unpacks to.
MOST_CELLS = 2**26


@dataclass(frozen=True)
class Predictions:
    """One row an image.

    Attributes:
        ids: `dataset/row-id` of each image.
        splits: `source_val` or `target_test`.
        domains: `dataset:domain` of each image.
        labels: int32 [N], the true class, written after training by the evaluation; `HIDDEN`, of every image, in an
            archive without labels.
        logits: float32 [N, K].
        soft: float32 [N, K], the class distribution that the data set gives of a test image, written with the labels;
            a row of NaN where it gives none. None where no image has one.
        classes_only: whether the logits are no more than 1 for the predicted class and 0 elsewhere.
    """

    ids: list[str]
    splits: list[str]
    domains: list[str]
    labels: NDArray[np.int32]
    logits: NDArray[np.float32]
    soft: NDArray[np.float32] | None = None
    classes_only: bool = False

    def probabilities(self) -> NDArray[np.float64]:
        """Return the softmax of the logits, float64 [N, K]; with classes only, 1 for the predicted class."""
        logits = self.logits.astype(np.float64)
        if self.classes_only:
            return logits
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
        return result

    def select(self, split: str, domain: str | None = None) -> Predictions:
        """Return the rows of one split, and of one domain where it is given."""
        keep = [
            i
            for i, (s, d) in enumerate(zip(self.splits, self.domains, strict=True))
            if s == split and domain in (None, d)
        ]
        return self.take(keep)

    def take(self, rows: list[int]) -> Predictions:
        """Return the given rows, in that order."""
        return Predictions(
            [self.ids[i] for i in rows],
            [self.splits[i] for i in rows],
            [self.domains[i] for i in rows],
            self.labels[rows],
            self.logits[rows],
            None if self.soft is None else self.soft[rows],
            self.classes_only,
        )

    def to_classes(self) -> Predictions:
        """Return the same with the predicted class of each image in place of its logits."""
        hard = _one_hot(self.probabilities().argmax(axis=1), self.logits.shape[1])
        return dataclasses.replace(self, logits=hard, classes_only=True)

    def without_labels(self) -> Predictions:
        """Return the predictions on test images with every label hidden."""
        tested = self.select("target_test")
        return dataclasses.replace(tested, labels=np.full(len(tested), HIDDEN, dtype=np.int32), soft=None)

    @property
    def hides_labels(self) -> bool:
        """Whether there are images and the labels of all are hidden."""
        return len(self) > 0 and bool((self.labels == HIDDEN).all())

    def __len__(self) -> int:
        return len(self.ids)


def write_predictions(predictions: Predictions, sink: Path | IO[bytes]) -> None:
    """Write predictions as Parquet: id, split, domain, label, logits, and soft where there is any.

    With classes only there is a column `predicted` in place of `logits`, and the file is packed as small as it goes.
    """
    columns = {
        "id": pa.array(predictions.ids, type=pa.string()),
        "split": pa.array(predictions.splits, type=pa.string()),
        "domain": pa.array(predictions.domains, type=pa.string()),
        "label": pa.array(predictions.labels, type=pa.int32()),
    }
    if predictions.classes_only:
        columns["predicted"] = pa.array(predictions.logits.argmax(axis=1), type=pa.int16())
    else:
        columns["logits"] = _numbers(predictions.logits)
    if predictions.soft is not None:
        columns["soft"] = _numbers(predictions.soft)
    table = pa.table(columns)
    if not predictions.classes_only:
        pq.write_table(table, sink)
        return
    # Names of images differ from their neighbours' in their last letters; the rest are few values.
    few = [name for name in ("split", "domain", "label", "predicted") if name in columns]
    table = table.replace_schema_metadata({_CLASSES: str(predictions.logits.shape[1]).encode()})
    pq.write_table(table, sink, compression="zstd", use_dictionary=few, column_encoding={"id": "DELTA_BYTE_ARRAY"})


def _numbers(values: NDArray[np.float32]) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1), type=pa.float32()), values.shape[1])


def read_predictions(path: Path) -> Predictions:
    """Read a predictions file; one that is damaged or lacks a column is a DataError that names it."""
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        classes_only = "predicted" in names
        wanted = [*COLUMNS, "predicted" if classes_only else "logits"]
        if missing := [name for name in wanted if name not in names]:
            raise DataError(f"{path} has no column {', '.join(missing)}", _AGAIN)
        table = file.read(columns=[*wanted, "soft"] if "soft" in names else wanted)
        _check_columns(table, path)
        labels = table.column("label").cast(pa.int32()).to_numpy().astype(np.int32)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}", _AGAIN) from error
    logits = _read_classes(table, path) if classes_only else _read_numbers(table, "logits", path)
    soft = _read_numbers(table, "soft", path) if "soft" in table.column_names else None
    if soft is not None and soft.shape != logits.shape:
        raise DataError(f"{path}: soft labels of {soft.shape} do not fit logits of {logits.shape}", _AGAIN)
    return Predictions(
        table.column("id").to_pylist(),
        table.column("split").to_pylist(),
        table.column("domain").to_pylist(),
        labels,
        logits,
        soft,
        classes_only,
    )


def _check_columns(table: pa.Table, path: Path) -> None:
    """Refuse values that would be read as others: a number cut to a class, a gap that moves the rows below it up."""
    for field in table.schema:
        if table.column(field.name).null_count:
            raise DataError(f"{path}: the column {field.name} has rows without a value", _AGAIN)
        if field.name in ("id", "split", "domain") and not pa.types.is_string(field.type):
            raise DataError(f"{path}: the column {field.name} is {field.type}, not text", _AGAIN)
        if field.name == "label" and not pa.types.is_integer(field.type):
            raise DataError(f"{path}: the column label is {field.type}, not whole numbers", _AGAIN)
        if pa.types.is_fixed_size_list(field.type) and not pa.types.is_floating(field.type.value_type):
            raise DataError(f"{path}: the column {field.name} is of {field.type.value_type}, not numbers", _AGAIN)


def _read_classes(table: pa.Table, path: Path) -> NDArray[np.float32]:
    declared = (table.schema.metadata or {}).get(_CLASSES, b"")
    classes = int(declared) if declared.isdigit() else 0
    predicted = table.column("predicted").to_numpy()
    if not 1 <= classes <= MOST_CELLS // max(len(predicted), 1) or not np.issubdtype(predicted.dtype, np.integer):
        raise DataError(f"{path} does not say of how many classes its predictions are", _AGAIN)
    if len(predicted) and not 0 <= predicted.min() <= predicted.max() < classes:
        raise DataError(f"{path}: a predicted class is not one of its {classes}", _AGAIN)
    return _one_hot(predicted, classes)


def _one_hot(predicted: NDArray[np.integer], classes: int) -> NDArray[np.float32]:
    hard = np.zeros((len(predicted), classes), dtype=np.float32)
    hard[np.arange(len(predicted)), predicted] = 1
    return hard


def _read_numbers(table: pa.Table, name: str, path: Path) -> NDArray[np.float32]:
    column = table.column(name).combine_chunks()
    if not pa.types.is_fixed_size_list(column.type):
        raise DataError(f"{path}: the column {name} is {column.type}, not one row of numbers an image", _AGAIN)
    if len(column) * column.type.list_size > MOST_CELLS:
        raise DataError(f"{path}: the column {name} has more than {MOST_CELLS} numbers", _AGAIN)
    values: NDArray[np.float32] = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    return values.reshape(-1, column.type.list_size)
