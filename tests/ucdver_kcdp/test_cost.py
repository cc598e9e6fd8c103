"""What a run of Stable Diffusion's size is said to cost."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ucdver_kcdp.config import KCDPConfig
from ucdver_kcdp.method import KCDP


def test_the_cost_is_counted_without_weights() -> None:
    told = KCDP.estimated_cost(KCDPConfig())
    assert told["parameters_unet"] == 859_520_964
    # Rank 8 on q, k, v and out of all sixteen cross-attentions.
    lora = told["parameters_trained"] - told["parameters_neck_experts_alignment"]
    assert lora == 795_648
    assert "hours" in told


def test_the_cost_is_that_of_what_a_step_does() -> None:
    def tera(**options: Any) -> list[float]:
        told = KCDP.estimated_cost(KCDPConfig(**options))["multiply_adds_a_step"]
        return [float(x) for x in re.findall(r"([\d.]+) T", told)]

    shown = KCDP.estimated_cost(KCDPConfig())
    vae, unet = (
        float(shown[f"multiply_adds_an_image_{part}"].removesuffix(" G").replace(",", "")) / 1e3
        for part in ("vae", "unet")
    )
    # 16 source and 16 target images, LoRA's backward pass once; the teacher reads the student's latents.
    assert tera() == pytest.approx([32 * (vae + 2 * unet) + 16 * unet, 16 * (vae + 2 * unet)], abs=0.1)
    assert tera(teacher=0.0, warmup=0.0) == pytest.approx([32 * (vae + 2 * unet)], abs=0.1)
    assert tera(teacher=0.0, warmup=0.0, mode="full", checkpointing=True) == pytest.approx(
        [32 * (vae + 4 * unet)], abs=0.1
    )
    assert tera(cached_latents=True, warmup=0.0) == pytest.approx([80 * unet], abs=0.1)
