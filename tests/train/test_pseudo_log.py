from pathlib import Path

import pytest
import torch
from support.small_loops import SFDA, UDA, Plain, spec, train
from torch import Tensor

from ucdver import PseudoLabels
from ucdver.data.batches import Batch
from ucdver.errors import SpecError
from ucdver.train.pseudo_log import FILE, PseudoLabelLog


class Guesses(Plain):
    """Takes every target image for the class that it predicts, and believes each second one."""

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        losses = super().step(batch, progress)
        if batch.has_target and progress >= 0.5:
            confidence, labels = self(batch.target.images).detach().softmax(1).max(1)
            weights = torch.arange(len(labels)) % 2 * 1.0
            self.pseudo_labels = PseudoLabels(labels, weights, confidence)
        return losses


def test_what_target_images_were_taken_for_is_saved_at_the_steps_that_had_it(tmp_path: Path) -> None:
    train(Guesses, spec(UDA, "uda"), tmp_path)
    found = PseudoLabelLog(tmp_path).read()
    assert [step.step for step in found] == list(range(7, 13)), "the first half has none"
    for step in found:
        assert len(step.ids) == len(step.labels) == len(step.weights) == len(step.confidence) > 0
        assert all("/" in name for name in step.ids)
        assert step.weights == tuple(float(i % 2) for i in range(len(step.ids)))
        assert all(0 < value <= 1 for value in step.confidence)


@pytest.mark.parametrize("stop_at", [3, 8, 12])
def test_a_stopped_run_saves_what_a_whole_one_does(tmp_path: Path, stop_at: int) -> None:
    run = spec(UDA, "uda")
    train(Guesses, run, tmp_path / "whole")
    train(Guesses, run, tmp_path / "cut", seconds=0, stop_at=stop_at)
    train(Guesses, run, tmp_path / "cut")
    assert (tmp_path / "cut" / FILE).read_bytes() == (tmp_path / "whole" / FILE).read_bytes()


class Miscounts(Plain):
    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        few = torch.zeros(2, dtype=torch.int64)
        self.pseudo_labels = PseudoLabels(few, few.float(), few.float())
        return super().step(batch, progress)


def test_as_many_as_there_are_target_images_or_none(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"of \[2\], \[2\], \[2\] for 6 target images"):
        train(Miscounts, spec(UDA, "uda"), tmp_path)


def test_a_phase_without_a_target_and_a_method_without_pseudo_labels_leave_none(tmp_path: Path) -> None:
    train(Guesses, spec(SFDA, "sfda"), tmp_path / "source-free")
    assert min(step.step for step in PseudoLabelLog(tmp_path / "source-free").read()) > 6
    train(Plain, spec(UDA, "uda"), tmp_path / "plain")
    assert not (tmp_path / "plain" / FILE).exists()
