"""The neck: a feature pyramid over the scales of the U-Net, and one vector an image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import FeaturePyramidNetwork

#: Channels of every level, in the release.
WIDTH = 256
#: Of the convolutions that go out.
TAPS = 9

#: Height and width of each scale, finest first.
Sizes = tuple[tuple[int, int], ...]


class PyramidNeck(nn.Module):
    """A feature pyramid (Lin et al., CVPR 2017) whose levels are averaged over space and put side by side.

    Args:
        channels: of the scales that come in, finest first.
        width: of each level that goes out.
        grid: cells along a side. 1, as released: the levels are averaged over the picture, which forgets where anything
            was. With more, the scales that come in are averaged in cells, and the pyramid is of those: as many numbers
            go out as if its levels were averaged in cells, and the convolutions see that many positions at most.
    """

    def __init__(self, channels: Sequence[int], width: int = WIDTH, grid: int = 1) -> None:
        super().__init__()
        self.fpn = FeaturePyramidNetwork(list(channels), width)
        self.grid = grid
        self.num_features = len(channels) * width * grid**2
        self._averaging: dict[tuple[Sizes, torch.device], list[Tensor]] = {}
        self._cells: dict[tuple[torch.Size, torch.device], Tensor] = {}

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return [B, levels * width * grid^2] for features [B, C_i, h_i, w_i], finest first.

        A scale with fewer pixels than cells tells each of them several times, and weighs as much as a finer one.
        """
        if self.grid == 1:
            return self._means(features)
        side = (self.grid, self.grid)
        levels = self.pyramid([self._averaged(feature) for feature in features])
        spread = [level if level.shape[2:] == side else F.interpolate(level, side) for level in levels]
        return torch.cat([level.flatten(1) for level in spread], dim=1)

    def _averaged(self, feature: Tensor) -> Tensor:
        """Return the means [B, C, rows, columns] of a scale's cells; no cell is less than a pixel.

        By a product with fixed weights: ten times as fast on a CPU as adaptive pooling of maps this small. A scale
        whose cells are its pixels is its own means.
        """
        size = feature.shape[2:]
        cells = (min(self.grid, size[0]), min(self.grid, size[1]))
        if cells == tuple(size):
            return feature
        key = (size, feature.device)
        if key not in self._cells:
            # Made for training as well, whatever is being done when the first map of this size comes along.
            with torch.inference_mode(False), torch.no_grad():
                self._cells[key] = cell_weights((size[0], size[1]), cells).to(feature.device)
        means: Tensor = feature.flatten(2) @ self._cells[key].to(feature.dtype)
        return means.view(*feature.shape[:2], *cells)

    def _means(self, features: Sequence[Tensor]) -> Tensor:
        """Return the levels' means over all of the picture, [B, levels * width].

        The pyramid has neither norm nor activation, so the mean of what it gives is a linear map of a few weighted
        means of what it is given: they are taken first, and the convolutions, the dearest part of training on cached
        features, act on them in the place of whole maps. But for rounding the result is the mean of `pyramid`.
        """
        sizes = tuple((f.shape[2], f.shape[3]) for f in features)
        averaging = self._weights(sizes, features[0].device)
        within: list[Tensor] = []
        for level, (feature, weights) in enumerate(zip(features, averaging, strict=True)):
            lateral = self.fpn.inner_blocks[level][0]
            means = feature.flatten(2) @ weights.to(feature.dtype)
            seen = torch.einsum("oc,bcn->bon", lateral.weight.flatten(1), means)
            # [B, width, levels that this one reaches, taps]
            within.append((seen + lateral.bias.unsqueeze(1) * weights.sum(0)).unflatten(2, (level + 1, TAPS)))
        out = []
        for level in range(len(features)):
            merged = torch.stack([seen[:, :, level] for seen in within[level:]]).sum(0)
            last = self.fpn.layer_blocks[level][0]
            out.append(torch.einsum("oct,bct->bo", last.weight.flatten(2), merged) + last.bias)
        return torch.cat(out, dim=1)

    def pyramid(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return the levels [B, width, h_i, w_i], finest first."""
        levels: dict[str, Tensor] = self.fpn({str(i): level for i, level in enumerate(features)})
        return list(levels.values())

    def _weights(self, sizes: Sizes, device: torch.device) -> list[Tensor]:
        """Return for each scale j the weights [h_j w_j, (j + 1) * 9] of its pixels, remembered by size."""
        key = (sizes, device)
        if key not in self._averaging:
            with torch.inference_mode(False), torch.no_grad():
                self._averaging[key] = [weights.to(device) for weights in averaging_weights(sizes)]
        return self._averaging[key]


def cell_weights(size: tuple[int, int], cells: tuple[int, int]) -> Tensor:
    """Return the weights [height * width, rows * columns] of each pixel in each cell's mean."""
    pixels = torch.eye(size[0] * size[1]).view(-1, *size)
    return F.adaptive_avg_pool2d(pixels, cells).flatten(1)


def averaging_weights(sizes: Sizes) -> list[Tensor]:
    """Return for each scale j the weights [h_j w_j, (j + 1) * 9] with which its pixels enter the means that count.

    There is one mean for each level i that is no coarser, through the nearest-neighbour upsampling from j to i, and for
    each of the nine taps of that level's last convolution, whose padding is zero.
    """
    found: list[list[Tensor]] = [[] for _ in sizes]
    for level, (height, width) in enumerate(sizes):
        maps = torch.stack([_tap(height, width, dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
        for coarse in range(level, len(sizes)):
            if coarse > level:
                maps = _gathered(maps, sizes[coarse])
            found[coarse].append(maps.flatten(1).T)
    return [torch.cat(parts, dim=1) for parts in found]


def _tap(height: int, width: int, dy: int, dx: int) -> Tensor:
    """Return [height, width]: 1 / (height * width) at the pixels that the tap (dy, dx) sees from some pixel."""
    weights = torch.zeros(height, width)
    weights[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] = 1 / (height * width)
    return weights


def _gathered(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return weights [9, *size] of a coarser scale: each pixel's is the sum over those that it is copied to."""
    numbers = torch.arange(size[0] * size[1], dtype=torch.float64).view(1, 1, *size)
    source = F.interpolate(numbers, size=maps.shape[1:], mode="nearest").long().flatten()
    gathered = torch.zeros(len(maps), size[0] * size[1]).index_add(1, source, maps.flatten(1))
    return gathered.view(len(maps), *size)
