"""Half precision around a step, inference before training, and what a frozen network does while others train."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.kcdp_methods import batch, method
from torch import Tensor

from ucdver_kcdp.neck import PyramidNeck
from ucdver_kcdp.perception import DiffusionPerceiver


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"alignment": "cesa"},
        {"pool": "masked_mean"},
        {"pool": "label_tokens"},
        {"head": "linear"},
        {"knowledge": "none"},
        {"mode": "full"},
        {"moe_text": "channel_mean"},
        {"preset": "faithful", "text_encoder": "hashed", "knowledge_form": "mean"},
    ],
)
def test_every_form_steps_and_predicts_in_half_precision(options: dict[str, Any]) -> None:
    made, shown = method(**options).train(), batch()
    with torch.autocast("cpu", torch.bfloat16):
        losses = made.step(shown, 0.9)
    assert all(torch.isfinite(value) for value in losses.values())
    losses["total"].backward()
    made.on_epoch(None, 1)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        found = made.eval().predict(shown.target.images, shown.target.extras)
    assert torch.isfinite(found.logits).all()


def test_what_cesa_remembers_is_not_rounded() -> None:
    """The running covariances of a step in half precision are those of the same inputs in full."""
    made = method(alignment="cesa")
    alignment = made.network.alignment
    assert alignment is not None
    generator = torch.Generator().manual_seed(0)
    shown = batch()
    packed = shown.sources.extras["kcdp_knowledge_hashed"]
    visual = torch.randn(6, alignment.vv.shape[0], generator=generator)  # type: ignore[operator, union-attr, index]
    found: list[Tensor] = []
    for half in (False, True):
        alignment.load_state_dict(method(alignment="cesa").network.alignment.state_dict())  # type: ignore[union-attr]
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            alignment.observe(visual, packed[..., :-1], packed[..., -1], shown.sources.labels)  # type: ignore[operator]
        found.append(alignment.kk.clone())  # type: ignore[operator, arg-type]
    assert torch.equal(*found)


@pytest.mark.parametrize("grid", [1, 2])
def test_a_neck_that_predicted_first_trains_after(grid: int) -> None:
    neck = PyramidNeck((4, 6), 3, grid)
    scales = [torch.randn(2, 4, 8, 8), torch.randn(2, 6, 4, 4)]
    with torch.inference_mode():
        neck(scales)
    for scale in scales:
        scale.requires_grad_()
    neck(scales).sum().backward()
    assert all(scale.grad is not None for scale in scales)


@pytest.mark.parametrize(("mode", "trains"), [("frozen", False), ("lora", True), ("full", True)])
def test_what_is_frozen_stays_in_eval_mode(mode: str, trains: bool) -> None:
    made = method(mode=mode, **({"cached": False} if mode == "frozen" else {})).train()
    perceiver = made.network.perceiver
    assert isinstance(perceiver, DiffusionPerceiver)
    assert not perceiver.vae.training and perceiver.unet.training is trains
