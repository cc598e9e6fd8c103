"""Batched augmentation: one independent draw per sample, a handful of tensor operations per batch.

The order is geometry, colour, noise, erasing, and one clamp at the end. Every field of the recipe reads draws of its
own, so that switching one on does not change what another does; `noise` alone, with a draw a pixel, moves what is drawn
after it in the same step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ucdver.data.transfer import to_device
from ucdver.precision import no_autocast
from ucdver.spec.recipe import AugmentRecipe

#: Columns of the uniform draws, one row a sample.
_DRAWS = (
    "flip", "rotate", "scale", "shift_x", "shift_y", "brightness", "contrast", "saturation", "hue", "grey",
    "invert", "erase", "erase_area", "erase_aspect", "erase_x", "erase_y",
)  # fmt: skip
_LUMA = (0.299, 0.587, 0.114)
# RGB to YIQ; a rotation of I and Q is a rotation of hue that keeps Y.
_TO_YIQ = torch.tensor(
    [[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]], dtype=torch.float64
)
_FROM_YIQ = torch.linalg.inv(_TO_YIQ)
_ERASE_AREA = (0.02, 0.33)
_ERASE_ASPECT = (0.3, 1 / 0.3)


class Augment:
    """Augments float images [B, C, H, W] in [0, 1], with C 1 or 3, as an `AugmentRecipe` says.

    What a turn, a zoom out or a shift uncovers is filled with the background, and so is what is erased:
    pictures that are padded to a square stand on that background already, whereas repeating the border would
    draw streaks out of everything that touches it, in the direction of the turn.

    Draws come from torch's default CPU generator wherever the images are, so that a seed gives the same
    augmentation on every device. Nothing is read back from the device.

    Args:
        recipe: what to do and how strongly.
        background: brightness of the background, in [0, 1].
    """

    def __init__(self, recipe: AugmentRecipe, background: float = 1.0) -> None:
        self.recipe = recipe
        self.background = background

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Return augmented images of the same shape, type and device; the argument is left as it is."""
        if self.recipe.is_identity:
            return images
        if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.is_floating_point():
            raise ValueError(f"images must be float [B, 1 or 3, H, W], not {images.dtype} {tuple(images.shape)}")
        uniform, noise = self._drawn(images.shape)
        uniform = to_device(uniform, images.device, images.dtype)
        draws = dict(zip(_DRAWS, uniform.unbind(1), strict=True))
        # Of a method's own views in a step: in half precision a grid would be off by pixels.
        with no_autocast(images):
            images = self._colours(self._geometry(images, draws), draws)
        if noise is not None:
            images = images + self.recipe.noise * to_device(noise, images.device, images.dtype)
        if self.recipe.erase:
            images = torch.where(self._erased(images, draws), self.background, images)
        return images.clamp(0, 1)

    def pass_over(self, shape: Sequence[int]) -> None:
        """Draw what images of this shape would be augmented with, for nothing: what is drawn next is then the same."""
        if not self.recipe.is_identity:
            self._drawn(shape)

    def _drawn(self, shape: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """Return all that is drawn for a batch: uniform [B, draws], and noise [B, C, H, W] where the recipe has any."""
        uniform = torch.rand(shape[0], len(_DRAWS))
        return uniform, torch.randn(tuple(shape)) if self.recipe.noise else None

    def _geometry(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor:
        recipe = self.recipe
        flip = draws["flip"] < recipe.flip
        if not (recipe.rotate or recipe.scale or recipe.translate):
            return torch.where(flip[:, None, None, None], images.flip(-1), images) if recipe.flip else images
        angle = _around(draws["rotate"], math.radians(recipe.rotate))
        zoom = torch.exp(_around(draws["scale"], recipe.scale))
        mirror = 1 - 2 * flip.to(images.dtype)
        aspect = images.shape[3] / images.shape[2]
        # Where in the input an output pixel comes from: shift back, turn back, shrink back, mirror. Lengths
        # are in half sides, so a turn has to allow for sides that differ.
        cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
        turn = torch.stack([cos * mirror, sin * mirror / aspect, -sin * aspect, cos], 1).view(-1, 2, 2)
        shift = 2 * torch.stack(
            [_around(draws["shift_x"], recipe.translate), _around(draws["shift_y"], recipe.translate)], 1
        )
        theta = torch.cat([turn, -turn @ shift[:, :, None]], 2)
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        # Padding with zeros what was lowered by the background pads with the background.
        lowered = images - self.background
        return F.grid_sample(lowered, grid, "bilinear", "zeros", align_corners=False) + self.background

    def _colours(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor:
        """Apply all colour changes as one affine map per sample."""
        recipe = self.recipe
        fields = ("brightness", "contrast", "saturation", "hue", "grey", "invert")
        if not any(getattr(recipe, name) for name in fields):
            return images
        channels = images.shape[1]
        eye = torch.eye(channels, dtype=images.dtype, device=images.device)
        brightness, contrast, saturation = (1 + _around(draws[n], getattr(recipe, n)) for n in fields[:3])
        gain = (brightness * contrast)[:, None, None]
        matrix = eye * gain
        offset = images.new_zeros(1, channels, 1).expand(len(images), -1, -1)
        if recipe.contrast:
            # About the mean grey of the brightened picture, which is the brightened mean grey.
            mean = images.mean((2, 3)) @ _luma(images)
            offset = offset + (brightness * mean * (1 - contrast))[:, None, None]
        if channels == 3 and (recipe.saturation or recipe.hue or recipe.grey):
            # Grey values pass through saturation and hue as they are, so the offset does, and turning grey last
            # is turning grey at once.
            grey = _luma(images).expand(3, 3)
            vivid = grey + (eye - grey) * saturation[:, None, None]
            if recipe.hue:
                vivid = self._hue(draws["hue"]) @ vivid
            matrix = torch.where((draws["grey"] < recipe.grey)[:, None, None], grey, vivid) * gain
        if recipe.invert:
            inverted = (draws["invert"] < recipe.invert)[:, None, None]
            matrix, offset = torch.where(inverted, -matrix, matrix), torch.where(inverted, 1 - offset, offset)
        return torch.baddbmm(offset, matrix, images.flatten(2)).view_as(images)

    def _hue(self, uniform: Tensor) -> Tensor:
        """Return matrices [B, 3, 3] that turn hue by a uniform draw of so many turns."""
        angle = 2 * math.pi * _around(uniform, self.recipe.hue)
        cos, sin, zero = torch.cos(angle), torch.sin(angle), torch.zeros_like(angle)
        turn = torch.stack([zero + 1, zero, zero, zero, cos, -sin, zero, sin, cos], 1).view(-1, 3, 3)
        matrices: Tensor = (
            to_device(_FROM_YIQ, uniform.device, uniform.dtype)
            @ turn
            @ to_device(_TO_YIQ, uniform.device, uniform.dtype)
        )
        return matrices

    def _erased(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor:
        """Return a mask [B, 1, H, W]: a rectangle in each sample that is erased (Zhong et al., AAAI 2020)."""
        height, width = images.shape[2:]
        low, high = _ERASE_AREA
        area = low + (high - low) * draws["erase_area"]
        flat, tall = (math.log(bound) for bound in _ERASE_ASPECT)
        aspect = torch.exp(flat + (tall - flat) * draws["erase_aspect"])
        across = torch.sqrt(area / aspect).clamp(max=1) * width
        down = torch.sqrt(area * aspect).clamp(max=1) * height
        left, top = draws["erase_x"] * (width - across), draws["erase_y"] * (height - down)
        x = torch.arange(width, device=images.device)[None, :] + 0.5
        y = torch.arange(height, device=images.device)[None, :] + 0.5
        in_x = (x >= left[:, None]) & (x < (left + across)[:, None])
        in_y = (y >= top[:, None]) & (y < (top + down)[:, None])
        chosen = draws["erase"] < self.recipe.erase
        return (in_y[:, :, None] & in_x[:, None, :] & chosen[:, None, None])[:, None]


def _around(uniform: Tensor, half_width: float) -> Tensor:
    return (2 * uniform - 1) * half_width


def _luma(images: Tensor) -> Tensor:
    weights = _LUMA if images.shape[1] == 3 else (1.0,)
    return to_device(torch.tensor(weights), images.device, images.dtype)
