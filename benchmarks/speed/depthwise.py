"""What depthwise convolutions made for small maps save a step of EfficientNet-Lite0 on a CPU.

python benchmarks/speed/depthwise.py [--side 64] [--batch 32] [--steps 15]

One process, one thread: the two networks, of the same weights, take turns a step each.
"""

from __future__ import annotations

import argparse
import time

import timm
import torch
from torch import nn

from ucdver.backbones.depthwise import replace_depthwise


def step(body: nn.Module, images: torch.Tensor) -> float:
    """Return the CPU milliseconds of a forward and a backward pass."""
    started = time.process_time()
    body.zero_grad(set_to_none=True)
    body(images).square().mean().backward()
    return 1000 * (time.process_time() - started)


def main() -> None:
    """Print milliseconds a step of both, and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    plain = timm.create_model("tf_efficientnet_lite0", num_classes=0).to(memory_format=torch.channels_last)
    own = timm.create_model("tf_efficientnet_lite0", num_classes=0).to(memory_format=torch.channels_last)
    own.load_state_dict(plain.state_dict())
    replace_depthwise(own)
    images = torch.rand(options.batch, 3, options.side, options.side).to(memory_format=torch.channels_last)
    for body in (plain, own):
        step(body, images)
    pairs = torch.tensor([(step(plain, images), step(own, images)) for _ in range(options.steps)])
    ratios = (pairs[:, 0] / pairs[:, 1]).quantile(torch.tensor([0.25, 0.5, 0.75])).tolist()
    one, two = pairs.median(0).values.tolist()
    print(f"{options.side} px, {options.batch} pictures: nn.Conv2d {one:.0f} ms, DepthwiseConv2d {two:.0f} ms a step")
    print(f"ratio {ratios[1]:.2f} (quartiles {ratios[0]:.2f} to {ratios[2]:.2f})")


if __name__ == "__main__":
    main()
