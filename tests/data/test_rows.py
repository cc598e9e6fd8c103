from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ucdver.data import rows as rows_module
from ucdver.data.feeder import Feeder
from ucdver.data.rows import MappedRows, Part, ViewedRows, as_rows, as_viewed_rows, select_rows
from ucdver.data.views import SourceView, TargetView, TaskData
from ucdver.spec.protocol import Phase

BOTH = Phase(name="both", source=True, target=True)


def stored(path: Path, count: int, seed: int) -> np.ndarray:  # type: ignore[type-arg]
    rng = np.random.Generator(np.random.Philox(seed))
    np.save(path, rng.integers(0, 256, (count, 3, 4, 4), dtype=np.uint8))
    found: np.ndarray = np.load(path, mmap_mode="c")  # type: ignore[type-arg]
    return found


@given(data=st.data(), parts=st.integers(1, 3))
def test_rows_that_are_looked_up_are_those_that_would_be_held(data: st.DataObject, parts: int) -> None:
    made = []
    for number in range(parts):
        size = data.draw(st.integers(1, 9))
        chosen = data.draw(st.lists(st.integers(0, size - 1), max_size=12))
        array = np.arange(size * 2, dtype=np.float32).reshape(size, 2) + 100 * number
        made.append(Part(array, np.array(chosen, dtype=np.int64)))
    whole = torch.from_numpy(np.concatenate([part.array[part.numbers] for part in made]))
    mapped = MappedRows(made)
    assert mapped.shape == whole.shape and mapped.dtype == whole.dtype and len(mapped) == len(whole)
    assert torch.equal(mapped[:], whole) and torch.equal(mapped[1:4], whole[1:4])
    if len(whole):
        which = torch.tensor(data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=12)), dtype=torch.int64)
        for numbers in (which, which.sort().values):
            for rows in (mapped, whole):
                assert torch.equal(select_rows(rows, numbers)[:], whole[numbers])
    if len(whole):
        rows = torch.tensor(data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=20)), dtype=torch.int64)
        assert torch.equal(mapped[rows], whole[rows])
    for wrong in (-1, len(whole)):
        with pytest.raises(IndexError):
            mapped[torch.tensor([wrong])]


@pytest.mark.parametrize("held", [2**26, 0])
def test_of_several_views_the_first_is_read_and_a_step_draws_one(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "HELD_BYTES", held)
    one, two = (np.arange(size * 4 * 2, dtype=np.float32).reshape(size, 4, 2) + add for size, add in ((5, 0), (3, 100)))
    parts = [Part(one, np.array([4, 0, 1])), Part(two, np.array([2]))]
    viewed = as_viewed_rows(parts)
    stored = torch.from_numpy(np.concatenate([part.array[part.numbers] for part in parts]))
    assert isinstance(viewed.all, torch.Tensor if held else MappedRows)
    assert (len(viewed), viewed.shape, viewed.nbytes) == (4, (4, 2), 4 * 4 * 2 * 4)
    assert torch.equal(viewed[:], stored[:, 0]) and torch.equal(viewed[1:3], stored[1:3, 0])
    assert torch.equal(viewed[torch.tensor([3, 0])], stored[[3, 0], 0])
    # Features [N, 1], which are not augmented, so that a batch's draws are those of the views alone.
    numbers = torch.arange(4)
    source = SourceView(numbers[:, None].float(), numbers, numbers * 0, tuple("abcd"), {"x": viewed})
    target = TargetView(numbers[:, None].float(), tuple("efgh"), "d:t", {"x": viewed})
    feeder = Feeder(TaskData(source, source, target, {}), 4, 0, None, "cpu")
    seen = set()
    for step in range(20):
        torch.manual_seed(step)
        batch = feeder.batch(BOTH, step, 20, step)
        for rows, found in (
            (batch.sources.ids, batch.sources.extras["x"]),
            (batch.target.ids, batch.target.extras["x"]),
        ):
            which = (stored[rows] == found[:, None]).all(2)
            assert which.sum() == len(rows)
            seen |= set(which.nonzero()[:, 1].tolist())
        after = torch.rand(1)
        torch.manual_seed(step)
        again = Feeder(TaskData(source, source, target, {}), 4, 0, None, "cpu", reads_target=False)
        alone = again.batch(BOTH, step, 20, step)
        assert torch.equal(alone.sources.extras["x"], batch.sources.extras["x"]) and torch.equal(torch.rand(1), after)
    assert seen == {0, 1, 2, 3}
    assert isinstance(feeder.data.source_train.extras["x"], ViewedRows)


def views(first: Part, second: Part) -> TaskData:
    images = as_rows([first, second])
    numbers = torch.arange(len(images))
    ids = tuple(f"d/{n}" for n in numbers.tolist())
    extras = {"numbers": as_rows([Part(numbers.numpy(), numbers.numpy())])}
    source = SourceView(images, numbers % 3, numbers % 2, ids, extras)
    target = as_rows([second])
    return TaskData(source, source, TargetView(target, tuple(f"t/{n}" for n in range(len(target))), "d:t"), {})


def test_a_selection_of_mapped_rows_reads_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.arange(60, dtype=np.float32).reshape(10, 2, 3)
    mapped = MappedRows([Part(array, np.arange(10))])
    viewed = ViewedRows(MappedRows([Part(array.reshape(20, 3), np.arange(20))]), 2)
    which = torch.tensor([1, 4, 5, 9])
    monkeypatch.setattr(MappedRows, "gather", lambda self, rows, out=None: pytest.fail("a row was read"))
    chosen = select_rows(mapped, which), select_rows(viewed, which)
    monkeypatch.undo()
    assert torch.equal(chosen[0][:], mapped[which])
    assert isinstance(chosen[1], ViewedRows) and torch.equal(chosen[1][:], viewed[which])
    assert torch.equal(chosen[1].all[1:2], torch.from_numpy(array[1, 1:2]))


def test_batches_are_the_same_bit_by_bit_whether_rows_are_held_or_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Part(stored(tmp_path / "a.npy", 12, 0), np.array([0, 3, 4, 11], dtype=np.int64))
    second = Part(stored(tmp_path / "b.npy", 9, 1), np.arange(1, 8, dtype=np.int64))
    held = views(first, second)
    assert isinstance(held.source_train.images, torch.Tensor)
    monkeypatch.setattr(rows_module, "HELD_BYTES", 0)
    monkeypatch.setattr(rows_module, "MAPPED_BYTES", 100)  # pages are given back at almost every step
    mapped = views(first, second)
    assert isinstance(mapped.source_train.images, MappedRows)
    one, other = (Feeder(data, 5, 0, None, "cpu") for data in (held, mapped))
    for step in range(12):
        a, b = (feeder.batch(BOTH, step, 12, step) for feeder in (one, other))
        assert torch.equal(a.sources.images, b.sources.images) and torch.equal(a.target.images, b.target.images)
        assert torch.equal(b.sources.extras["numbers"], b.sources.ids) and not b.target.extras


MEASURE = """
import sys
from types import SimpleNamespace
import numpy as np, torch
from ucdver.data.feeder import Feeder
from ucdver.data.rows import Part, as_rows
from ucdver.data.views import SourceView, TargetView, TaskData
from ucdver.methods.base import Prediction
from ucdver.spec.protocol import Phase
from ucdver.train.predict import predict_all

def resident():
    lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(lines["VmHWM"].split()[0]) / 1024

count, path = int(sys.argv[1]), sys.argv[2]
with open(path, "wb") as stream:
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|u1", "fortran_order": False, "shape": (count, 3, 64, 64)}
    )
    stream.truncate(stream.tell() + count * 3 * 64 * 64)
array = np.load(path, mmap_mode="c")
# Every other row: scattered, so that no slice of the map can stand for them.
images = as_rows([Part(array, np.arange(0, count, 2))])
numbers = torch.zeros(len(images), dtype=torch.int64)
data = TaskData(SourceView(images, numbers, numbers, ()), None, TargetView(images, (), "t"), {})
feeder = Feeder(data, 32, 0, None, "cpu")
for step in range(len(images) // 32):
    feeder.batch(Phase(name="p", source=True, target=True), step, 10**6, step)

class Means(torch.nn.Module):
    task = SimpleNamespace(num_classes=1)

    def predict(self, images, extras):
        mean = images.mean((1, 2, 3))[:, None]
        return Prediction(mean, mean)

assert predict_all(Means(), images, torch.device("cpu"), torch.float32).logits.abs().sum() == 0
print(resident())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc to read the resident size from")
def test_resident_memory_does_not_grow_with_the_domain(tmp_path: Path) -> None:
    """400 MB and 1.2 GB of pictures, of which half are trained on and predicted: all pages of both are read."""

    def peak(count: int) -> float:
        path = tmp_path / f"{count}.npy"
        run = [sys.executable, "-c", MEASURE, str(count), str(path)]
        return float(subprocess.run(run, check=True, capture_output=True, text=True).stdout)

    small, large = peak(32_000), peak(96_000)
    assert large - small < 100, f"{small:.0f} MB for 400 MB of pictures, {large:.0f} MB for 1.2 GB"
