"""FLA: frequency linear attention, a gate on the spectrum of a map."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from ucdver import at_least_float32, no_autocast
from ucdver_tgca_pvt.blocks import STD
from ucdver_tgca_pvt.spectrum import Spectrum

#: Channels over the width between the two layers of a squeeze-and-excitation gate, as in the published code.
SQUEEZE = 16

Form = Literal["diag", "full"]


class SqueezeGate(nn.Module):
    """Squeeze and excitation (Hu et al., CVPR 2018): a weight in (0, 1) for each channel.

    Args:
        channels: C.
        min_width: least width between its layers. With 0, as published, the three channels of a picture leave
            no width at all, and the weight is one half whatever the picture.
    """

    def __init__(self, channels: int, min_width: int) -> None:
        super().__init__()
        width = max(min_width, channels // SQUEEZE)
        self.fc = (
            nn.Sequential(
                nn.Linear(channels, width, bias=False), nn.ReLU(), nn.Linear(width, channels, bias=False), nn.Sigmoid()
            )
            if width
            else None
        )

    def forward(self, means: Tensor) -> Tensor:
        """Return the weights [B, C] of the channels of maps with these means [B, C]."""
        if self.fc is None:
            return torch.full_like(means, 0.5)
        weights: Tensor = self.fc(means)
        return weights


class FrequencyGate(nn.Module):
    """FLA: add to the spectrum of a map a gated, rectified complex affine map of itself.

    With Y = rfft2(x), U = relu(R Re Y - S Im Y + rb) and V = relu(R Im Y + S Re Y + ib), the result is
    irfft2(Re Y + SE1(U) + i (Im Y + SE2(V))), both transforms orthonormal. Zero parameters make it the identity.

    Args:
        channels: C.
        form: `full` is the paper's complex C x C map R + i S over channels. `diag` is what the published code
            computes: an index that occurs twice in its product leaves the diagonals alone, a scale for each channel.
        min_width: of the gates; see `SqueezeGate`.
    """

    def __init__(self, channels: int, form: Form = "diag", min_width: int = 0) -> None:
        super().__init__()
        shape = (channels,) if form == "diag" else (channels, channels)
        self.r = nn.Parameter(torch.empty(shape))
        self.i = nn.Parameter(torch.empty(shape))
        self.rb = nn.Parameter(torch.empty(channels))
        self.ib = nn.Parameter(torch.empty(channels))
        for parameter in (self.r, self.i, self.rb, self.ib):
            nn.init.trunc_normal_(parameter, std=STD)
        self.SE1 = SqueezeGate(channels, min_width)
        self.SE2 = SqueezeGate(channels, min_width)
        self._spectra: dict[tuple[int, int, torch.device, torch.dtype], Spectrum] = {}

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the same shape as x [B, C, H, W].

        Transformed in float32 at least: in half precision the transforms exist for powers of two alone. What is added
        is transformed back alone, the map itself being where it came from.
        """
        with no_autocast(x):
            wide = at_least_float32(x)
            # U + i V before the rectifier: one complex affine map, (R + i S) Y + (rb + i ib).
            spectrum = self._spectrum(wide)
            mapped = self._map(torch.complex(self.r, self.i), spectrum.of(wide))
            parts = torch.view_as_real(mapped + torch.complex(self.rb, self.ib)[:, None, None]).relu()
            means = parts.mean(dim=(2, 3))
            weights = torch.stack([self.SE1(means[..., 0]), self.SE2(means[..., 1])], dim=2)
            added = torch.view_as_complex(parts * weights[:, :, None, None])
            result: Tensor = wide + spectrum.inverse(added)
            return result.to(x.dtype)

    def _spectrum(self, x: Tensor) -> Spectrum:
        """Return the transforms at the size of x, made once."""
        size = (x.shape[-2], x.shape[-1], x.device, x.dtype)
        if size not in self._spectra:
            self._spectra[size] = Spectrum(*size)
        return self._spectra[size]

    @staticmethod
    def _map(weight: Tensor, x: Tensor) -> Tensor:
        return weight[:, None, None] * x if weight.dim() == 1 else torch.einsum("oc,bchw->bohw", weight, x)
