from __future__ import annotations

import numpy as np
import pytest
import torch

from ucdver.data import feeder as feeder_module
from ucdver.data.augment import Augment
from ucdver.data.batches import Batch
from ucdver.data.feeder import Feeder, to_float
from ucdver.data.views import SourceView, TargetView, TaskData
from ucdver.errors import DataError, SpecError
from ucdver.seeds import scoped_seed
from ucdver.spec.protocol import Phase
from ucdver.spec.recipe import AugmentRecipe

BOTH = Phase(name="both", source=True, target=True)
SOURCE = Phase(name="source", source=True, target=False, share=0.5)
TARGET = Phase(name="target", source=False, target=True, share=0.5)


def task_data(source: int = 10, target: int | None = 7, features: bool = False) -> TaskData:
    rng = np.random.Generator(np.random.Philox(0))

    def images(count: int) -> torch.Tensor:
        if features:
            return torch.from_numpy(rng.standard_normal((count, 5), dtype=np.float32))
        return torch.from_numpy(rng.integers(0, 256, (count, 3, 6, 6), dtype=np.uint8))

    def view(count: int) -> SourceView:
        numbers = torch.arange(count)
        return SourceView(images(count), numbers % 3, numbers % 2, tuple(f"d/{n}" for n in range(count)))

    seen = None if target is None else TargetView(images(target), tuple(f"t/{n}" for n in range(target)), "d:t")
    return TaskData(view(source), view(2), seen, {})


@pytest.fixture(params=["cpu", "cuda", "cuda-pinned"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "cpu" and not torch.cuda.is_available():
        pytest.skip("this machine has no CUDA device")
    if request.param == "cuda-pinned":
        monkeypatch.setattr(feeder_module, "RESIDENT_BYTES", 0)
    return str(request.param).partition("-")[0]


def test_a_batch_holds_the_rows_that_its_ids_name(device: str) -> None:
    data = task_data()
    assert data.target_train is not None
    feeder = Feeder(data, 4, 0, None, device)
    for step in range(9):
        batch = feeder.batch(BOTH, step, 9, step)
        assert (batch.step, batch.total_steps, batch.phase) == (step, 9, "both")
        ids = batch.sources.ids.cpu()
        assert torch.equal(batch.sources.images.cpu(), data.source_train.images[ids].float() / 255)
        assert torch.equal(batch.sources.labels.cpu(), data.source_train.labels[ids])
        assert torch.equal(batch.sources.domains.cpu(), data.source_train.domains[ids])
        assert torch.equal(batch.target.images.cpu(), data.target_train.images[batch.target.ids.cpu()].float() / 255)
        tensors = (batch.sources.images, batch.sources.labels, batch.sources.ids, batch.target.images, batch.target.ids)
        assert {tensor.device.type for tensor in tensors} == {device}


def test_features_are_passed_as_they_are_and_never_augmented(device: str) -> None:
    data = task_data(features=True)
    batch = Feeder(data, 4, 0, Augment(AugmentRecipe(noise=1.0)), device).batch(BOTH, 0, 1, 0)
    assert torch.equal(batch.sources.images.cpu(), data.source_train.images[batch.sources.ids.cpu()])


def test_a_phase_shows_only_its_sides() -> None:
    feeder = Feeder(task_data(), 4, 0, None, "cpu")
    first, second = feeder.batch(SOURCE, 0, 5, 0), feeder.batch(TARGET, 0, 5, 5)
    assert (first.has_source, first.has_target) == (True, False)
    assert (second.has_source, second.has_target) == (False, True)
    with pytest.raises(SpecError, match="phase 'target' shows no source"):
        _ = second.sources


def test_an_epoch_shows_every_image_once_and_starts_with_its_phase() -> None:
    feeder = Feeder(task_data(), 4, 0, None, "cpu")
    for before in (0, 13):
        seen = torch.cat([feeder.batch(TARGET, step, 7, before + step).target.ids for step in range(7)])
        assert all(sorted(part.tolist()) == list(range(7)) for part in seen.view(-1, 7))
    first = [feeder.batch(TARGET, step, 7, step).target.ids.tolist() for step in range(7)]
    later = [feeder.batch(TARGET, step, 7, 13 + step).target.ids.tolist() for step in range(7)]
    assert first != later


def test_a_batch_may_be_larger_than_a_domain_and_a_domain_may_be_one_image() -> None:
    batch = Feeder(task_data(target=1), 16, 0, None, "cpu").batch(BOTH, 0, 1, 0)
    assert batch.target.ids.tolist() == [0] * 16
    counts = torch.bincount(batch.sources.ids, minlength=10)
    assert counts.min() >= 1 and counts.max() <= 2


def test_the_order_depends_on_the_seed_the_side_and_the_step_alone() -> None:
    def ids(seed: int, step: int) -> tuple[list[int], list[int]]:
        batch = Feeder(task_data(10, 10), 5, seed, None, "cpu").batch(BOTH, step, 9, step)
        return batch.sources.ids.tolist(), batch.target.ids.tolist()

    assert ids(0, 3) == ids(0, 3)
    assert ids(0, 3) != ids(1, 3) and ids(0, 3) != ids(0, 4)
    assert ids(0, 3)[0] != ids(0, 3)[1]
    renamed = BOTH.model_copy(update={"name": "other"})
    batch = Feeder(task_data(10, 10), 5, 0, None, "cpu").batch(renamed, 3, 9, 3)
    assert batch.sources.ids.tolist() == ids(0, 3)[0]


def test_images_are_augmented_from_torchs_own_generator() -> None:
    feeder = Feeder(task_data(), 4, 0, Augment(AugmentRecipe(noise=0.2, flip=0.5)), "cpu")
    plain = Feeder(task_data(), 4, 0, None, "cpu").batch(BOTH, 0, 1, 0)

    def drawn(seed: int) -> torch.Tensor:
        with scoped_seed(seed):
            return feeder.batch(BOTH, 0, 1, 0).sources.images

    assert torch.equal(drawn(1), drawn(1)) and not torch.equal(drawn(1), drawn(2))
    assert not torch.equal(drawn(1), plain.sources.images)


def test_steps_per_epoch_are_the_targets_where_it_is_shown() -> None:
    feeder = Feeder(task_data(10, 7), 4, 0, None, "cpu")
    assert [feeder.steps_per_epoch(phase) for phase in (SOURCE, TARGET, BOTH)] == [3, 2, 2]


def test_a_target_that_is_not_there_is_an_error_in_words() -> None:
    feeder = Feeder(task_data(target=None), 4, 0, None, "cpu")
    assert feeder.batch(SOURCE, 0, 1, 0).has_source
    with pytest.raises(SpecError, match="phase 'both' shows a target, and this run has none"):
        feeder.batch(BOTH, 0, 1, 0)
    with pytest.raises(DataError, match="no images to sample from"):
        Feeder(task_data(source=0), 4, 0, None, "cpu").batch(SOURCE, 0, 1, 0)


def test_bytes_become_the_unit_interval() -> None:
    assert to_float(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == pytest.approx([0, 0.2, 1])
    features = torch.tensor([3.0])
    assert to_float(features) is features


@pytest.mark.parametrize("augment", [AugmentRecipe(), AugmentRecipe(flip=0.5), AugmentRecipe(noise=0.2, rotate=9.0)])
def test_a_target_that_is_not_read_is_left_out_and_nothing_else_moves(augment: AugmentRecipe, device: str) -> None:
    def drawn(reads_target: bool) -> tuple[Batch, torch.Tensor, int]:
        feeder = Feeder(task_data(10, 7), 4, 0, Augment(augment), device, reads_target)
        with scoped_seed("step"):
            return feeder.batch(BOTH, 3, 9, 3), torch.rand(4), feeder.steps_per_epoch(BOTH)

    (batch, after, epoch), (whole, expected, steps) = drawn(False), drawn(True)
    assert whole.has_target and not batch.has_target
    assert torch.equal(batch.sources.images, whole.sources.images) and torch.equal(batch.sources.ids, whole.sources.ids)
    assert torch.equal(after, expected) and epoch == steps
    with pytest.raises(SpecError, match="shows no target images"):
        _ = batch.target
