"""KADAP, the knowledge-aligned diffusion perceiver: an image and its knowledge to features of several scales.

One pass of the VAE's encoder and of the U-Net at time step 1, without noise, the knowledge being the context of every
cross-attention. What is read is the decoder's features and, where they have the same resolution, the cross-attention
maps beside them. Paper: Yin et al., CVPR 2025; the idea of reading a diffusion model so is VPD's (Zhao et al., ICCV
2023).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import SpecError
from ucdver_kcdp.attention_maps import MapReader
from ucdver_kcdp.diffusion import Diffusion

Mode = Literal["lora", "full", "frozen"]
Normalisation = Literal["minus_one_to_one", "imagenet_once", "imagenet_twice"]
Latent = Literal["scaled", "unscaled", "scaled_sample"]

#: The release's: the least noise that the U-Net knows of, though none is added.
TIMESTEP = 1
#: Every projection of every cross-attention ("knowledge-guided", in the paper's figure).
LORA_TARGETS = r".*attn2\.(to_q|to_k|to_v|to_out\.0)"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class PerceptionOptions:
    """How an image is read.

    Attributes:
        mode: what is trained: LoRA on the cross-attention (the paper's figure), the whole U-Net (the release), nothing.
        normalisation: what the VAE is given. It was trained on [-1, 1]; the release normalises twice with ImageNet's
            statistics.
        latent: the posterior's mean, times the VAE's scaling factor or (the release) not, or a scaled sample of it.
        detach_maps: whether maps are constants to the gradient, as in the release.
        lora_rank: LoRA's rank; neither paper nor release tell it.
        lora_alpha: LoRA's scale is alpha / rank.
        checkpointing: recompute activations on the way back, for less memory and the same gradients.
        size: the side in pixels to which pictures are brought before they are encoded; 0 for as they come.
    """

    mode: Mode = "lora"
    normalisation: Normalisation = "minus_one_to_one"
    latent: Latent = "scaled"
    detach_maps: bool = True
    lora_rank: int = 8
    lora_alpha: float = 8.0
    checkpointing: bool = False
    size: int = 0


@dataclass(frozen=True)
class Tap:
    """One scale of the U-Net that is read: the module whose output it is, and the attention layers of its maps."""

    module: str
    channels: int
    attentions: tuple[str, ...]


def taps_of(config: Mapping[str, Any]) -> tuple[Tap, ...]:
    """Return what is read of a U-Net of this configuration, finest scale first.

    Every resolution of the decoder but the finest is read after its second layer, the finest at its very end. Maps are
    read at the resolutions between, from all cross-attention of that resolution in encoder and decoder. For Stable
    Diffusion that is 320, 640, 1280 and 1280 channels, with maps at the second and third.
    """
    widths = list(config["block_out_channels"])
    per_block = config.get("layers_per_block", 2)
    layers = [per_block] * len(widths) if isinstance(per_block, int) else list(per_block)
    last = len(widths) - 1
    taps = []
    for up in range(last, -1, -1):
        down = last - up
        index = layers[down] if up == last else min(1, layers[down])
        kind = "attentions" if "CrossAttn" in config["up_block_types"][up] else "resnets"
        read: list[str] = []
        if 0 < up < last and kind == "attentions":
            if "CrossAttn" in config["down_block_types"][down]:
                read += [f"down_blocks.{down}.attentions.{i}" for i in range(layers[down])]
            read += [f"up_blocks.{up}.attentions.{i}" for i in range(layers[down] + 1)]
        taps.append(Tap(f"up_blocks.{up}.{kind}.{index}", widths[down], tuple(read)))
    return tuple(taps)


def feature_channels(config: Mapping[str, Any], tokens: int) -> tuple[int, ...]:
    """Return the channels of each scale, finest first: the decoder's, plus `tokens` where there are maps."""
    return tuple(tap.channels + (tokens if tap.attentions else 0) for tap in taps_of(config))


class DiffusionPerceiver(nn.Module):
    """Reads features and cross-attention maps of a latent diffusion model in one pass, at any resolution.

    Frozen weights are no part of its state: they come from the model's files, so a checkpoint holds what was learnt.

    Args:
        diffusion: the VAE and the U-Net.
        options: how it is read and what is trained.
    """

    mean: Tensor
    std: Tensor
    timestep: Tensor

    def __init__(self, diffusion: Diffusion, options: PerceptionOptions) -> None:
        super().__init__()
        self.options = options
        self.vae, self.unet = diffusion.vae, diffusion.unet
        self.vae.requires_grad_(False)
        self.unet.requires_grad_(options.mode == "full")
        if options.mode == "lora":
            self._add_lora()
        if options.checkpointing:
            self.unet.enable_gradient_checkpointing()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        # On the device already: of a number the U-Net would make a tensor there, and wait for it, in every pass.
        self.register_buffer("timestep", torch.tensor([TIMESTEP]), persistent=False)
        self.taps = taps_of(self.unet.config)
        groups = {tap.module: _cross_attentions(self.unet, tap) for tap in self.taps if tap.attentions}
        self.maps = MapReader(self.unet, groups, options.detach_maps)
        self._features: dict[str, Tensor] = {}
        self._reading = False
        for tap in self.taps:
            self.unet.get_submodule(tap.module).register_forward_hook(self._hook(tap.module))
        # What is frozen now: an optimiser may freeze more, and that was learnt.
        self.frozen_names = frozenset(name for name, p in self.named_parameters() if not p.requires_grad)
        self.register_state_dict_post_hook(_drop_frozen)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_fill_frozen)  # type: ignore[no-untyped-call]

    def train(self, mode: bool = True) -> DiffusionPerceiver:
        """Switch to training what is trained: what is frozen reads as it did when its features were cached."""
        super().train(mode)
        self.vae.eval()
        if self.options.mode == "frozen":
            self.unet.eval()
        return self

    @property
    def width(self) -> int:
        """Width of the knowledge tokens."""
        return int(self.unet.config.cross_attention_dim)

    def channels(self, tokens: int) -> tuple[int, ...]:
        """Return the channels of each scale for knowledge of so many tokens."""
        return feature_channels(self.unet.config, tokens)

    def latents(self, images: Tensor) -> Tensor:
        """Return the latent [B, 4, h, w] of images [B, 3, H, W] (or [B, 1, H, W]) in [0, 1]."""
        if images.dim() != 4:
            raise SpecError(
                "the suite's frozen backbone gives features, and a diffusion model reads pictures",
                "drop 'frozen' from the recipe, or set kcdp.mode = \"frozen\"",
            )
        if images.shape[1] == 1:
            images = images.expand(-1, 3, -1, -1)
        if self.options.size and images.shape[2:] != (self.options.size, self.options.size):
            size = (self.options.size, self.options.size)
            images = F.interpolate(images, size=size, mode="bilinear", antialias=True)
        if self.options.normalisation == "minus_one_to_one":
            pixels = 2 * images - 1
        else:
            pixels = (images - self.mean) / self.std
            if self.options.normalisation == "imagenet_twice":
                pixels = (pixels - self.mean) / self.std
        with torch.no_grad():
            posterior = self.vae.encode(pixels).latent_dist
            sampled = self.options.latent == "scaled_sample" and self.training
            latent: Tensor = posterior.sample() if sampled else posterior.mode()
        return latent if self.options.latent == "unscaled" else latent * self.vae.config.scaling_factor

    def forward(self, images: Tensor, knowledge: Tensor) -> list[Tensor]:
        """Return features [B, C_i, h_i, w_i], finest first, maps after the decoder's channels.

        Args:
            images: [B, C, H, W] in [0, 1].
            knowledge: [B, tokens, width].
        """
        return self.read(self.latents(images), knowledge)

    def read(self, latents: Tensor, knowledge: Tensor, timestep: Tensor | None = None) -> list[Tensor]:
        """Return the features of latents [B, 4, h, w], as `forward` does; at another `timestep`, int64 [1]."""
        if knowledge.shape[2] != self.width:
            raise SpecError(
                f"the knowledge is {knowledge.shape[2]} wide, and the U-Net's cross-attention reads {self.width}",
                "take the text encoder that the diffusion model was trained with",
            )
        frozen = self.options.mode == "frozen"
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen), self._recording():
            at = self.timestep if timestep is None else timestep
            self.unet(latents, at, encoder_hidden_states=knowledge, return_dict=False)
            return [self._with_maps(tap) for tap in self.taps]

    def _with_maps(self, tap: Tap) -> Tensor:
        features = self._features.pop(tap.module)
        if not tap.attentions:
            return features
        maps = self.maps.hand_over(tap.module, features.shape[2], features.shape[3])
        return torch.cat([features, maps.to(features.dtype)], dim=1)

    @contextmanager
    def _recording(self) -> Iterator[None]:
        self._reading = True
        try:
            with self.maps.recording():
                yield
        finally:
            self._reading = False
            self._features.clear()

    def _hook(self, name: str) -> Any:
        def keep(module: nn.Module, inputs: Any, output: Any) -> None:
            if self._reading:
                self._features[name] = output if isinstance(output, Tensor) else output[0]

        return keep

    def _add_lora(self) -> None:
        from peft import LoraConfig

        self.unet.add_adapter(
            LoraConfig(
                r=self.options.lora_rank,
                lora_alpha=self.options.lora_alpha,  # type: ignore[arg-type]
                target_modules=LORA_TARGETS,
            )
        )


def _cross_attentions(unet: nn.Module, tap: Tap) -> list[str]:
    """Return the paths of all cross-attention layers in the transformers of a tap."""
    return [
        f"{path}.{name}"
        for path in tap.attentions
        for name, _ in unet.get_submodule(path).named_modules()
        if name.endswith(".attn2")
    ]


def _drop_frozen(module: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    for name in cast(DiffusionPerceiver, module).frozen_names:
        state.pop(prefix + name, None)


def _fill_frozen(module: nn.Module, state: dict[str, Any], prefix: str, *rest: Any) -> None:
    frozen = cast(DiffusionPerceiver, module).frozen_names
    state.update({prefix + name: p.detach() for name, p in module.named_parameters() if name in frozen})
