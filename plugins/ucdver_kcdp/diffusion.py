"""The parts of a latent diffusion model that perception needs: the encoder of the VAE, and the U-Net."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ucdver import WeightsError, folder_sha256, sha256_if_here
from ucdver_kcdp.model_files import model_folder

if TYPE_CHECKING:
    # Imported where it is used: diffusers takes seconds to import, and a command that shows an option needs none of it.
    from diffusers import AutoencoderKL, UNet2DConditionModel

#: The paper's: Stable Diffusion 1.5. The release's hub name (runwayml/...) was taken down; this is the same file.
STABLE_DIFFUSION = "stable-diffusion-v1-5/stable-diffusion-v1-5"
#: In place of a model: a network of a few thousand random weights, the same ones on every machine. It runs everything
#: and knows nothing, which is what tests of the machinery want.
RANDOM_TINY = "random_tiny"
#: What is read of a pipeline's folder. Weights as safetensors alone, which cannot hold code.
FILES = tuple(
    f"{part}/{file}" for part in ("unet", "vae") for file in ("config.json", "diffusion_pytorch_model.safetensors")
)

#: Stable Diffusion 1.5 as its files on the hub have it, for what is counted without weights (859,520,964 in the U-Net).
SD15_UNET: Mapping[str, Any] = {
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    "cross_attention_dim": 768,
    # In this family the number of heads, whatever the name says.
    "attention_head_dim": 8,
}
SD15_VAE: Mapping[str, Any] = {
    "sample_size": 512,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "latent_channels": 4,
    "scaling_factor": 0.18215,
}
#: The same topology, small. Width 32 of the knowledge is that of the hashed text embedding.
TINY_UNET: Mapping[str, Any] = {
    **SD15_UNET,
    "sample_size": 8,
    "block_out_channels": (8, 8, 16, 16),
    "cross_attention_dim": 32,
    "attention_head_dim": 2,
    "norm_num_groups": 4,
}
TINY_VAE: Mapping[str, Any] = {
    **SD15_VAE,
    "sample_size": 24,
    "block_out_channels": (4, 8),
    "layers_per_block": 1,
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
    "norm_num_groups": 4,
}


@dataclass(frozen=True)
class Diffusion:
    """A VAE without its decoder, and a U-Net; float32, on the CPU unless they were built elsewhere."""

    vae: AutoencoderKL
    unet: UNet2DConditionModel


def load_diffusion(model: str, *, fetch: bool = True) -> Diffusion:
    """Return the parts of a pipeline.

    Args:
        model: a folder that a Stable Diffusion pipeline's `save_pretrained` wrote, a name on the hub, "emoji_small"
            (which ships with this package), or "random_tiny".
        fetch: whether it may be downloaded.

    Raises:
        WeightsError: the files are absent, damaged or of another family.
    """
    if model == RANDOM_TINY:
        # The same weights for every process and seed: features are cached by one, and read by another.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return build_diffusion(TINY_UNET, TINY_VAE)
    from diffusers import AutoencoderKL, UNet2DConditionModel

    folder = model_folder(model, FILES, "'model'", fetch=fetch)
    try:
        # Files may hold half precision, as those that ship with this package do.
        how = {"local_files_only": True, "use_safetensors": True, "torch_dtype": torch.float32}
        unet = UNet2DConditionModel.from_pretrained(folder / "unet", **how)
        vae = AutoencoderKL.from_pretrained(folder / "vae", **how)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        first_line = str(error).strip().partition("\n")[0]
        hint = "name a folder with 'unet' and 'vae', as save_pretrained of a Stable Diffusion pipeline writes it"
        raise WeightsError(f"'{folder}' cannot be loaded as a diffusion model: {first_line}", hint) from error
    return _parts(unet, vae)


def build_diffusion(unet: Mapping[str, Any], vae: Mapping[str, Any]) -> Diffusion:
    """Return randomly drawn parts from the configurations of `UNet2DConditionModel` and `AutoencoderKL`."""
    from diffusers import AutoencoderKL, UNet2DConditionModel

    return _parts(UNet2DConditionModel.from_config(dict(unet)), AutoencoderKL.from_config(dict(vae)))


def unet_config(model: str, *, fetch: bool = True) -> Mapping[str, Any]:
    """Return the U-Net's configuration without its weights; errors as in `load_diffusion`."""
    if model == RANDOM_TINY:
        return TINY_UNET
    path = model_folder(model, FILES, "'model'", fetch=fetch) / "unet" / "config.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"'{path}' cannot be read: {error}", "name a folder that save_pretrained wrote") from error
    return found


def diffusion_sha256(model: str, *, fetch: bool) -> str:
    """Return the hash of all files that are read; empty for random weights, which the configuration names.

    Without `fetch` it is empty too where the files are not here; with it, that is a WeightsError.
    """
    if model == RANDOM_TINY:
        return ""

    def compute() -> str:
        return folder_sha256(model_folder(model, FILES, "'model'", fetch=fetch), FILES)

    return sha256_if_here(compute, fetch=fetch)


def _parts(unet: UNet2DConditionModel, vae: AutoencoderKL) -> Diffusion:
    # Half of the VAE that nothing here runs.
    del vae.decoder, vae.post_quant_conv
    return Diffusion(vae, unet)
