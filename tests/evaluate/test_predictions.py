"""Files of predictions that would be read as others than they hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ucdver.errors import DataError
from ucdver.evaluate.predictions import Predictions, read_predictions, write_predictions

PAIRS = pa.list_(pa.float32(), 2)
SOUND = {
    "id": pa.array(["a", "b"]),
    "split": pa.array(["target_test"] * 2),
    "domain": pa.array(["d:x"] * 2),
    "label": pa.array([0, 1], pa.int32()),
    "logits": pa.array([[0.1, 0.2], [0.4, 0.3]], PAIRS),
}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    logits = np.array([[0.1, 0.2], [0.4, 0.3]], dtype=np.float32)
    labels = np.array([0, 1], dtype=np.int32)
    write_predictions(Predictions(["a", "b"], ["target_test"] * 2, ["d:x"] * 2, labels, logits), tmp_path / "p")
    found = read_predictions(tmp_path / "p")
    assert found.ids == ["a", "b"] and found.labels.tolist() == [0, 1]
    np.testing.assert_array_equal(found.logits, logits)
    pq.write_table(pa.table(SOUND), tmp_path / "p")
    np.testing.assert_array_equal(read_predictions(tmp_path / "p").logits, logits)


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        # Cut to 32 bits this is class 0, and cut to a whole number the next one is.
        ("label", pa.array([0, 2**40]), "not in range"),
        ("label", pa.array([0.5, 1.0]), "the column label is double, not whole numbers"),
        ("label", pa.array([0, None], pa.int32()), "the column label has rows without a value"),
        ("label", pa.array(["x", "y"]), "the column label is string, not whole numbers"),
        # The logits of the second image would be taken for those of the first.
        ("logits", pa.array([None, [0.4, 0.3]], PAIRS), "the column logits has rows without a value"),
        ("logits", pa.array([["a", "b"]] * 2, pa.list_(pa.string(), 2)), "the column logits is of string, not numbers"),
        ("soft", pa.array([None, [0.4, 0.6]], PAIRS), "the column soft has rows without a value"),
        ("id", pa.array([1, 2]), "the column id is int64, not text"),
        ("split", pa.array(["target_test", None]), "the column split has rows without a value"),
    ],
)
def test_a_value_that_would_be_read_as_another_is_refused(
    tmp_path: Path, column: str, values: pa.Array, says: str
) -> None:
    pq.write_table(pa.table({**SOUND, column: values}), tmp_path / "p")
    with pytest.raises(DataError) as caught:
        read_predictions(tmp_path / "p")
    assert says in str(caught.value) and "\n" not in str(caught.value)
