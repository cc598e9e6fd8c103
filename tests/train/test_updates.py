"""What moves the weights: own updates, clipping, groups, precision."""

from pathlib import Path

import pytest
import torch
from support.small_loops import Plain, build, equal, spec, train
from torch import Tensor

from ucdver.data.batches import Batch
from ucdver.methods.base import Method, ParameterGroup
from ucdver.spec.recipe import OptimRecipe


class Alternates(Plain):
    manual_optimisation = True

    def manual_step(self, batch: Batch, progress: float, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
        for _ in range(2):
            losses = self.step(batch, progress)
            optimiser.zero_grad()
            losses["total"].backward()
            optimiser.step()
        return losses


def test_a_method_may_make_its_own_updates(tmp_path: Path) -> None:
    assert not equal(train(Alternates, spec(), tmp_path / "a"), train(Plain, spec(), tmp_path / "b"))
    assert equal(train(Alternates, spec(), tmp_path / "c"), train(Alternates, spec(), tmp_path / "d"))


def test_gradients_are_clipped_to_the_norm(tmp_path: Path) -> None:
    free = train(Plain, spec(steps=1, optim=OptimRecipe(lr=1.0, momentum=0, weight_decay=0)), tmp_path / "a")
    held = train(
        Plain, spec(steps=1, optim=OptimRecipe(lr=1.0, momentum=0, weight_decay=0, clip_norm=0.01)), tmp_path / "b"
    )
    start = build(Plain, spec())

    def moved(method: Method) -> float:
        pairs = zip(method.parameters(), start.parameters(), strict=True)
        return float(sum((a - b).detach().pow(2).sum() for a, b in pairs) ** 0.5)

    assert moved(free) > 0.05
    assert moved(held) == pytest.approx(0.01, rel=1e-3)


class Grouped(Plain):
    def parameter_groups(self) -> list[ParameterGroup]:
        return [
            ParameterGroup(list(self.bottleneck.parameters()), lr_multiplier=0.0),
            ParameterGroup(list(self.head.parameters()), lr_multiplier=2.0),
        ]


def test_a_group_with_multiplier_zero_does_not_move(tmp_path: Path) -> None:
    method, start = train(Grouped, spec(), tmp_path / "run"), build(Grouped, spec())
    assert all(
        torch.equal(a, b) for a, b in zip(method.bottleneck.parameters(), start.bottleneck.parameters(), strict=True)
    )
    assert not torch.equal(method.head.weight, start.head.weight)


def test_bfloat16_trains_on_a_cpu(tmp_path: Path) -> None:
    method = train(Plain, spec(precision="bfloat16", steps=20), tmp_path / "run")
    assert all(p.dtype == torch.float32 and torch.isfinite(p).all() for p in method.parameters())


class AlternatesInPart(Alternates):
    """Notes in what precision its products come out."""

    def manual_step(self, batch: Batch, progress: float, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
        self.dtype = self(batch.sources.images).dtype
        return super().manual_step(batch, progress, optimiser)


def test_own_updates_are_made_in_the_precision_of_the_recipe(tmp_path: Path) -> None:
    assert train(AlternatesInPart, spec(), tmp_path / "full").dtype == torch.float32
    method = train(AlternatesInPart, spec(precision="bfloat16"), tmp_path / "half")
    assert method.dtype == torch.bfloat16
    assert all(p.dtype == torch.float32 and torch.isfinite(p).all() for p in method.parameters())
