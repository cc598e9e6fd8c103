"""Reading cross-attention maps while a U-Net runs: explicit probabilities where maps are read, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel
    from diffusers.models.attention_processor import Attention


class MapReader:
    """Collects attention probabilities, averaged over heads, of named groups of cross-attention layers.

    The layers of the groups get a processor that computes probabilities; all others keep PyTorch's fused attention,
    which never forms them. Maps are taken only inside `recording`, so a layer that gradient checkpointing runs a second
    time, on the way back, adds nothing; and nothing is kept once they are handed over.

    Args:
        unet: whose layers are read.
        groups: for each group the module paths of its attention layers.
        detach: whether maps are constants to the gradient.
    """

    def __init__(self, unet: UNet2DConditionModel, groups: Mapping[str, Sequence[str]], detach: bool) -> None:
        self._held: dict[str, list[Tensor]] = {name: [] for name in groups}
        self._recording = False
        for name, paths in groups.items():
            for path in paths:
                layer = cast("Attention", unet.get_submodule(path))
                layer.set_processor(_ProbabilityProcessor(self, name, detach))

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Take maps while the block runs; what was not handed over by then is dropped."""
        self._recording = True
        try:
            yield
        finally:
            self._recording = False
            for maps in self._held.values():
                maps.clear()

    def keep(self, group: str, probabilities: Tensor) -> None:
        """Remember the maps [B, pixels, tokens] of one layer; ignored outside `recording`."""
        if self._recording:
            self._held[group].append(probabilities)

    def hand_over(self, group: str, height: int, width: int) -> Tensor:
        """Return the mean over the group's layers, [B, tokens, height, width], and forget them."""
        maps = self._held[group]
        mean = torch.stack(maps).mean(0) if len(maps) > 1 else maps[0]
        maps.clear()
        return mean.transpose(1, 2).reshape(len(mean), -1, height, width)

    @property
    def held(self) -> int:
        """How many maps are remembered now; 0 whenever no forward pass is under way."""
        return sum(len(maps) for maps in self._held.values())


class _ProbabilityProcessor:
    """Attention with its probabilities in the open; the result is that of the fused one."""

    def __init__(self, reader: MapReader, group: str, detach: bool) -> None:
        self._reader = reader
        self._group = group
        self._detach = detach

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Return what the layer gives for [B, pixels, channels]; `temb` is for layers that this family has not."""
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            part.view(*part.shape[:2], attn.heads, -1).transpose(1, 2)
            for part in (attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context))
        )
        scores = query @ key.transpose(2, 3) * attn.scale
        if attention_mask is not None:
            scores = scores + attention_mask.unsqueeze(1)
        probabilities = scores.float().softmax(3).to(value.dtype)
        # Formed in every pass, kept in the first: a checkpointed layer must do the same work when it runs again.
        mean = probabilities.mean(1)
        self._reader.keep(self._group, mean.detach() if self._detach else mean)
        attended = (probabilities @ value).transpose(1, 2).flatten(2)
        projected: Tensor = attn.to_out[1](attn.to_out[0](attended))
        scaled: Tensor = projected / attn.rescale_output_factor
        return scaled
