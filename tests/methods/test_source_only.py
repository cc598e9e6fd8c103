"""The two methods that every table needs."""

from __future__ import annotations

import pytest
import torch
from naive import adaptation as naive
from naive.batches import vector_backbone, vector_batch, vector_task
from pydantic import ValidationError

from ucdver.methods.source_only import SourceOnly
from ucdver.methods.target_only import TargetOnly


@pytest.mark.parametrize("cls", [SourceOnly, TargetOnly])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_is_the_cross_entropy(cls: type[SourceOnly], smoothing: float) -> None:
    torch.manual_seed(0)
    method = cls(vector_task(), vector_backbone(5), cls.Config(label_smoothing=smoothing)).double().train()
    images, labels = torch.randn(6, 5, dtype=torch.float64), torch.arange(6) % 3
    loss = method.step(vector_batch(images, labels, None), 0.0)["total"]
    expected = naive.cross_entropy(method(images).detach().numpy(), labels.tolist(), smoothing)
    assert loss.item() == pytest.approx(expected)
    loss.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in method.parameters())


@pytest.mark.parametrize("cls", [SourceOnly, TargetOnly])
def test_target_images_change_nothing(cls: type[SourceOnly]) -> None:
    images, labels = torch.randn(6, 5), torch.arange(6) % 3
    outcomes = []
    for target in (None, torch.randn(6, 5), torch.full((2, 5), float("nan"))):
        torch.manual_seed(0)
        method = cls(vector_task(), vector_backbone(5), cls.Config()).train()
        method.step(vector_batch(images, labels, target), 0.5)["total"].backward()
        state = [*method.state_dict().values(), *(p.grad for p in method.parameters())]
        outcomes.append(state)
    for other in outcomes[1:]:
        assert all(torch.equal(a, b) for a, b in zip(outcomes[0], other, strict=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_smoothing_outside_its_range_is_refused(smoothing: float) -> None:
    with pytest.raises(ValidationError, match="label_smoothing"):
        SourceOnly.Config(label_smoothing=smoothing)
