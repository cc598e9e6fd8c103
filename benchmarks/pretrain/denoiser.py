"""Training the U-Net: to tell the noise in the latents of a drawing, given the drawing's name."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import Tensor
from torch.nn import functional as F

from ucdver_kcdp.projections import LENGTH, WIDTH, Projections
from ucdver_kcdp.text_embedding import SmallText

STEPS, BATCH, LR = 4500, 16, 1.5e-3
#: How often the name is left out, as in classifier-free guidance (Ho & Salimans, 2022).
WITHOUT_NAME = 0.1
#: The weights that are kept are a running average.
AVERAGE = 0.995
#: Stable Diffusion's topology, so that everything that reads one reads the other.
CONFIG: Mapping[str, Any] = {
    "sample_size": 16,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": (24, 48, 64, 96),
    "layers_per_block": 1,
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    "cross_attention_dim": WIDTH,
    "attention_head_dim": 4,
    "norm_num_groups": 8,
}


def contexts(projections: Projections, names: list[str]) -> Tensor:
    """Return the tokens [n, 40, 128] of names, twice: the form that knowledge has where there is no triple."""
    encoder = SmallText(torch.device("cpu"), projections)
    tokens = torch.cat([encoder.encode(names[i : i + 64])[0] for i in range(0, len(names), 64)])
    assert tokens.shape[1:] == (LENGTH, WIDTH)
    return tokens.repeat(1, 2, 1)


def train(
    latents: Tensor, context: Tensor, concept: Tensor, without: Tensor, seed: int
) -> tuple[UNet2DConditionModel, dict[str, float | int]]:
    """Return the U-Net, and what is told of its training.

    Args:
        latents: [N, 4, 16, 16], scaled to unit variance.
        context: [C, 40, 128], of every name.
        concept: int64 [N], the name of each drawing.
        without: [1, 40, 128], of no name.
        seed: of weights, noise and order.
    """
    torch.manual_seed(seed)
    rng = np.random.Generator(np.random.Philox(seed + 2))
    unet = UNet2DConditionModel.from_config(dict(CONFIG)).train()
    average = copy.deepcopy(unet).eval()
    # Stable Diffusion's noise: 1,000 steps, scaled linear from .00085 to .012.
    noise_of = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    optimiser = torch.optim.AdamW(unet.parameters(), lr=LR, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LR, total_steps=STEPS, pct_start=0.1)
    losses = []
    for _ in range(STEPS):
        rows = torch.from_numpy(rng.integers(0, len(latents), BATCH))
        times = torch.from_numpy(rng.integers(0, 1000, BATCH))
        noise = torch.randn(BATCH, *latents.shape[1:])
        given = context[concept[rows]]
        unnamed = torch.from_numpy(rng.random(BATCH) < WITHOUT_NAME)
        given = torch.where(unnamed.view(-1, 1, 1), without, given)
        told = unet(noise_of.add_noise(latents[rows], noise, times), times, encoder_hidden_states=given).sample
        loss = F.mse_loss(told, noise)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            for kept, own in zip(average.parameters(), unet.parameters(), strict=True):
                kept.lerp_(own, 1 - AVERAGE)
        losses.append(loss.item())
    first, last = float(np.mean(losses[:50])), float(np.mean(losses[-100:]))
    return average, {"steps": STEPS, "batch": BATCH, "loss_of_first_50_steps": first, "loss_of_last_100_steps": last}
