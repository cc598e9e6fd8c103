"""Depthwise convolutions on maps that are smaller than their kernel, which a CPU is slow at training."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: oneDNN has fast weight gradients of depthwise kernels of 3, as long as no padding is left to it.
_BLOCK = 3


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution of stride 1 and same padding that trains fast on small maps, else as `nn.Conv2d`.

    Where the kernel reaches over the whole map, oneDNN finds its weight gradient in a loop without vectors: twenty
    milliseconds for 1,152 channels of 2x2, of which a network for 224 pixels has many at 64. There the taps that
    never meet the map are left out, and the rest are added up from kernels of 3, which differs in rounding alone.
    """

    @classmethod
    def of(cls, conv: nn.Conv2d) -> DepthwiseConv2d:
        """Return the same convolution, with the same parameters."""
        channels, kernel = conv.in_channels, (conv.kernel_size[0], conv.kernel_size[1])
        padding = (kernel[0] // 2, kernel[1] // 2)
        own = cls(channels, channels, kernel, 1, padding, groups=channels, bias=conv.bias is not None, device="meta")
        own.weight, own.bias = conv.weight, conv.bias
        return own.train(conv.training)

    def forward(self, images: Tensor) -> Tensor:
        """Return [B, C, H, W] of `images` [B, C, H, W]."""
        learns = torch.is_grad_enabled() and self.weight.requires_grad
        small = any(size < kernel for size, kernel in zip(images.shape[-2:], self.kernel_size, strict=True))
        if learns and small and images.dim() == 4 and images.device.type == "cpu":
            return self._on_small_map(images)
        return super().forward(images)

    def _on_small_map(self, images: Tensor) -> Tensor:
        (top, rows), (left, columns) = (self._reach(images, axis) for axis in (2, 3))
        weight = self.weight[:, :, rows, columns]
        # Up to a whole number of blocks, with taps of zero that read padding.
        weight = F.pad(weight, (0, -weight.shape[3] % _BLOCK, 0, -weight.shape[2] % _BLOCK))
        total = None
        for down in range(0, weight.shape[2], _BLOCK):
            for right in range(0, weight.shape[3], _BLOCK):
                # Padded (or cropped) anew for each block: a part of one padded map costs three times the time, since
                # its gradient is as large as that map and mostly zeros.
                x, y = left - right, top - down
                part = F.pad(images, (x, _BLOCK - 1 - x, y, _BLOCK - 1 - y))
                block = weight[:, :, down : down + _BLOCK, right : right + _BLOCK]
                made = F.conv2d(part, block, self.bias if total is None else None, groups=self.groups)
                total = made if total is None else total + made
        assert total is not None
        return total

    def _reach(self, images: Tensor, axis: int) -> tuple[int, slice]:
        """Return how far taps that meet the map reach from the middle of the kernel, and which they are."""
        middle = self.weight.shape[axis] // 2
        reach = min(middle, images.shape[axis] - 1)
        return reach, slice(middle - reach, middle + reach + 1)


def replace_depthwise(body: nn.Module) -> None:
    """Put `DepthwiseConv2d` where a module has depthwise convolutions that it can stand for, anywhere below it."""
    for parent in list(body.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Conv2d and _fits(child):
                setattr(parent, name, DepthwiseConv2d.of(child))


def _fits(conv: nn.Conv2d) -> bool:
    depthwise = 1 < conv.groups == conv.in_channels == conv.out_channels
    odd = all(kernel % 2 == 1 and kernel > 1 for kernel in conv.kernel_size)
    same = conv.padding in ("same", tuple(kernel // 2 for kernel in conv.kernel_size))
    plain = conv.stride == (1, 1) and conv.dilation == (1, 1) and conv.padding_mode == "zeros"
    return depthwise and odd and same and plain
