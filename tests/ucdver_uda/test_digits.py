"""The digits reader and loader, on a small file of the real layout and on the real one where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ucdver import DataError, ImageRecipe
from ucdver_uda.digits import loader, read

ROOT = Path(__file__).resolve().parents[2]
COUNTS = {"mnist_train": 5, "mnist_test": 2, "usps_train": 3, "usps_test": 4}


def arrays() -> dict[str, NDArray[np.uint8]]:
    generator = np.random.Generator(np.random.Philox(0))
    made: dict[str, NDArray[np.uint8]] = {}
    for key, count in COUNTS.items():
        side = 28 if key.startswith("mnist") else 16
        made[key] = generator.integers(0, 256, (count, side, side), dtype=np.uint8)
        made[f"{key}_y"] = generator.integers(0, 10, count, dtype=np.uint8)
    return made


def write(root: Path, content: dict[str, NDArray[np.uint8]]) -> Path:
    np.savez_compressed(root / "digits.npz", **content)  # type: ignore[arg-type]
    return root


def test_rows_and_pictures(tmp_path: Path) -> None:
    content = arrays()
    rows = list(read(write(tmp_path, content)))
    draw = loader(tmp_path)
    assert len(rows) == sum(COUNTS.values()) and len({row.id for row in rows}) == len(rows)
    row = next(row for row in rows if row.id == "usps/test/00003")
    assert (row.path, row.domain, row.split) == ("digits.npz#usps_test/3", "usps", "test")
    assert row.labels == {"digits10": str(content["usps_test_y"][3])}
    same = draw("digits.npz#mnist_train/4", ImageRecipe(size=28, channels=1))
    assert same.mode == "L" and np.array_equal(np.asarray(same), content["mnist_train"][4])
    larger = draw(row.path, ImageRecipe(size=28, channels=3))
    assert larger.mode == "RGB" and larger.size == (28, 28)
    grey = np.asarray(larger)
    assert (grey[..., 0] == grey[..., 1]).all() and (grey[..., 0] == grey[..., 2]).all()
    assert abs(float(grey.mean()) - float(content["usps_test"][3].mean())) < 8


@pytest.mark.parametrize(
    "path", ["digits.npz#usps_test/4", "digits.npz#svhn_test/0", "a.png", "digits.npz#usps_test/-1"]
)
def test_a_path_that_is_no_image_is_refused(tmp_path: Path, path: str) -> None:
    draw = loader(write(tmp_path, arrays()))
    with pytest.raises(DataError, match="is not an image"):
        draw(path, ImageRecipe())


def test_absent_truncated_and_wrong_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no 'digits\.npz'"):
        list(read(tmp_path))
    path = write(tmp_path, arrays()) / "digits.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="cannot be read"):
        list(read(tmp_path))
    content = arrays()
    del content["usps_test"]
    with pytest.raises(DataError, match="no array 'usps_test'"):
        loader(write(tmp_path, content))
    with pytest.raises(DataError, match="float64"):
        loader(write(tmp_path, arrays() | {"usps_test": np.zeros((4, 16, 16))}))
    with pytest.raises(DataError, match="4 images but 3 labels"):
        list(read(write(tmp_path, arrays() | {"usps_test_y": np.zeros(3, dtype=np.uint8)})))
    with pytest.raises(DataError, match="label 10"):
        list(read(write(tmp_path, arrays() | {"usps_test_y": np.full(4, 10, dtype=np.uint8)})))


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    content: dict[str, object] = dict(arrays())
    content["usps_test"] = np.array([{"a": 1}] * 4, dtype=object)
    np.savez_compressed(tmp_path / "digits.npz", **content)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="cannot be read"):
        loader(tmp_path)


def test_the_real_file() -> None:
    root = Path(os.environ.get("UCDVER_SHARED", ROOT.parent / "shared")) / "data"
    if not (root / "digits.npz").is_file():
        pytest.skip(f"no digits.npz in {root}")
    rows = list(read(root))
    assert len(rows) == 60_000 + 10_000 + 7_291 + 2_007
    assert len({row.id for row in rows}) == len(rows)
    assert {row.labels["digits10"] for row in rows} == set("0123456789")
    draw = loader(root)
    pictures = [np.asarray(draw(f"digits.npz#{key}/0", ImageRecipe(size=28, channels=1))) for key in COUNTS]
    assert all(20 < picture.mean() < 120 for picture in pictures)
