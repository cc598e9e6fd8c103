"""Training the autoencoder: a picture of 64 pixels to 16 x 16 x 4 numbers and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from contrast import resized, to_images
from diffusers import AutoencoderKL
from drawings import Drawings
from torch import Tensor
from torch.nn import functional as F

#: The side at which the U-Net reads pictures, and the crops that the autoencoder, which is local, is trained on.
SIDE, CROP = 64, 32
STEPS, BATCH, LR = 1500, 32, 3e-3
#: Weight of the divergence from a normal distribution, as in latent diffusion (Rombach et al., CVPR 2022).
KL = 1e-6
CONFIG: Mapping[str, Any] = {
    "sample_size": SIDE,
    "block_out_channels": (16, 32, 32),
    "layers_per_block": 1,
    "down_block_types": ("DownEncoderBlock2D",) * 3,
    "up_block_types": ("UpDecoderBlock2D",) * 3,
    "latent_channels": 4,
    "norm_num_groups": 8,
}


def pictures_at_side(drawings: Drawings) -> Tensor:
    """Return all drawings, uint8 [N, 3, 64, 64]."""
    parts = [
        (resized(to_images(drawings.pictures[i : i + 256]), SIDE) * 255).round().to(torch.uint8)
        for i in range(0, len(drawings.rows), 256)
    ]
    return torch.cat(parts)


def train(pictures: Tensor, seed: int) -> tuple[AutoencoderKL, dict[str, float | int]]:
    """Return the autoencoder, with its scaling factor set, and what is told of its training."""
    torch.manual_seed(seed)
    rng = np.random.Generator(np.random.Philox(seed + 1))
    made = AutoencoderKL.from_config(dict(CONFIG)).train()
    optimiser = torch.optim.AdamW(made.parameters(), lr=LR, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LR, total_steps=STEPS)
    losses = []
    for _ in range(STEPS):
        images = _crops(pictures, rng)
        posterior = made.encode(images).latent_dist
        back = made.decode(posterior.sample()).sample
        error = F.l1_loss(back, images)
        loss = error + KL * posterior.kl().mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(made.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(error.item())
    made.eval()
    latents = encode(made, pictures[rng.integers(0, len(pictures), 512)])
    # As Rombach et al.: latents of unit variance.
    made.register_to_config(scaling_factor=float(1 / latents.std()))
    return made, {"steps": STEPS, "final_l1_in_minus_one_to_one": float(np.mean(losses[-50:]))}


def encode(made: AutoencoderKL, pictures: Tensor) -> Tensor:
    """Return the posterior means [N, 4, 16, 16], not scaled, of uint8 [N, 3, 64, 64]."""
    with torch.no_grad():
        parts = [made.encode(_signed(pictures[i : i + 128])).latent_dist.mode() for i in range(0, len(pictures), 128)]
    return torch.cat(parts)


def _crops(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a batch of squares [B, 3, 32, 32], cut at one place of each picture."""
    rows = rng.integers(0, len(pictures), BATCH)
    top, left = rng.integers(0, SIDE - CROP + 1, (2, BATCH))
    cut = [
        pictures[row, :, y : y + CROP, x : x + CROP]
        for row, y, x in zip(rows.tolist(), top.tolist(), left.tolist(), strict=True)
    ]
    return _signed(torch.stack(cut))


def _signed(pictures: Tensor) -> Tensor:
    return pictures.float() / 127.5 - 1
