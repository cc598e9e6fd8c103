"""What a run of KCDP costs, counted on the meta device: shapes without numbers, so no weights and no accelerator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from ucdver_kcdp.cliea import CLIEA
from ucdver_kcdp.config import KCDPConfig
from ucdver_kcdp.diffusion import SD15_UNET, SD15_VAE, build_diffusion
from ucdver_kcdp.moe import MixtureOfExperts
from ucdver_kcdp.neck import PyramidNeck
from ucdver_kcdp.network import perception_options
from ucdver_kcdp.perception import DiffusionPerceiver

#: What is counted: the release's pictures and batch, in which as many target images join the source's.
SIZE, BATCH, STEPS = 512, 16, 29_520
TOKENS, PROMPT, WIDTH, CLASSES = 154, 7, 768, 6
#: One NVIDIA A100: dense bfloat16 multiply-adds a second by its data sheet (312 TFLOPS), and the part of them that
#: training of diffusion models commonly reaches, which is an assumption.
DEVICE, PEAK_MACS, REACHED = "one A100, bfloat16", 156e12, 0.4


def estimated_cost(config: KCDPConfig) -> dict[str, Any]:
    """Return parameters, multiply-adds, memory and hours of Stable Diffusion 1.5 with this method's options.

    The backward pass is taken as twice the forward pass, and once where weights are frozen and the gradient only passes
    through; recomputation is one more. Hours are multiply-adds over what the device is assumed to do.
    """
    with torch.device("meta"):
        # Initialisation draws nothing on the meta device.
        diffusion = build_diffusion(SD15_UNET, SD15_VAE)
        encoder_parameters = _count(diffusion.vae)
        unet_parameters = _count(diffusion.unet)
        perceiver = DiffusionPerceiver(diffusion, perception_options(config)).train()
        heads = _heads(config, perceiver)
    read, seen = _perceive(perceiver)
    trained = sum(p.numel() for m in (perceiver, heads) for p in m.parameters() if p.requires_grad)
    passes = {"lora": 2, "full": 3, "frozen": 1}[config.mode] + (config.checkpointing and config.mode != "frozen")
    step, alone = (_step(config, seen, passes, with_target) for with_target in (True, False))
    teacher = trained if config.teacher else 0
    resident = 4 * (encoder_parameters + unet_parameters + _count(heads) + 3 * trained + teacher)
    saved = read * 2 * BATCH if config.mode != "frozen" else 0
    return {
        "counted_for": f"Stable Diffusion 1.5, {SIZE} x {SIZE}, {BATCH} source and {BATCH} target images a step",
        "parameters_unet": unet_parameters,
        "parameters_vae_encoder": encoder_parameters,
        "parameters_neck_experts_alignment": _count(heads),
        "parameters_trained": trained,
        "multiply_adds_an_image_vae": f"{seen['vae'] / 1e9:.1f} G",
        "multiply_adds_an_image_unet": f"{seen['unet'] / 1e9:.1f} G",
        "multiply_adds_a_step": _told(config, step, alone),
        "memory_weights_and_optimiser": f"{resident / 2**30:.1f} GiB in float32",
        "memory_activations": f"{saved / 2 / 2**30:.1f} GiB in bfloat16, the U-Net's",
        "device": f"{DEVICE}, {REACHED:.0%} of {PEAK_MACS / 1e12:.0f} T multiply-adds a second assumed",
        "hours": _hours(config, seen, step, alone),
    }


def _step(config: KCDPConfig, seen: dict[str, float], passes: int, with_target: bool) -> float:
    """Return the multiply-adds of VAE and U-Net in one step, with the target's images or before they are read.

    The teacher reads the target once more, forwards alone and on the latents that the student reads, unless these are
    samples.
    """
    encoder = 0.0 if config.cached_latents else seen["vae"]
    step = (2 if with_target else 1) * BATCH * (encoder + passes * seen["unet"])
    if with_target and config.teacher:
        step += BATCH * (seen["unet"] + (encoder if config.latent == "scaled_sample" else 0))
    return step


def _told(config: KCDPConfig, step: float, alone: float) -> str:
    if config.uses_cache:
        return "cached: none of the U-Net's"
    before = f"; {alone / 1e12:.1f} T in the first {config.warmup:.0%}, of the source alone" if config.warmup else ""
    return f"{step / 1e12:.1f} T{before}"


def _hours(config: KCDPConfig, seen: dict[str, float], step: float, alone: float) -> str:
    rate = 3600 * PEAK_MACS * REACHED
    if config.uses_cache:
        # Once an image instead of at every step; the steps themselves are too little to count.
        return f"{1e5 * (seen['vae'] + seen['unet']) / rate:.2f} for the features of 100,000 images, once"
    mean = config.warmup * alone + (1 - config.warmup) * step
    return f"{STEPS * mean / rate:.1f} for {STEPS:,} steps, the release's ten epochs"


def _heads(config: KCDPConfig, perceiver: DiffusionPerceiver) -> nn.Module:
    neck = PyramidNeck(perceiver.channels(TOKENS), config.neck, config.grid)
    text = config.moe_text_width or WIDTH
    parts = [
        neck,
        MixtureOfExperts(neck.num_features + text, CLASSES, config.experts, config.top_k, config.hidden),
        nn.Linear(WIDTH, text),
        CLIEA(
            neck.num_features,
            torch.zeros(CLASSES, PROMPT, WIDTH),
            torch.ones(CLASSES, PROMPT),
            config.pool,
            config.temperature,
            config.heads,
        ),
    ]
    return nn.ModuleList(parts)


def _perceive(perceiver: DiffusionPerceiver) -> tuple[int, dict[str, float]]:
    """Return bytes saved for the backward pass of one image in float32, and multiply-adds of VAE and U-Net."""
    images = torch.empty(1, 3, SIZE, SIZE, device="meta")
    knowledge = torch.empty(1, TOKENS, WIDTH, device="meta")
    with FlopCounterMode(display=False) as counted:
        latents = perceiver.latents(images)
    with FlopCounterMode(display=False) as counted_unet, torch.no_grad():
        perceiver.read(latents, knowledge)
    with _saved() as held, _FusedAttention():
        perceiver.read(latents, knowledge)
    # The counter counts a multiplication and an addition each.
    flops = {"vae": counted.get_total_flops() / 2, "unet": counted_unet.get_total_flops() / 2}
    return sum(held.values()), flops


@contextmanager
def _saved() -> Iterator[dict[int, int]]:
    """Collect the size in bytes of each tensor that autograd keeps, parameters apart."""
    held: dict[int, int] = {}
    alive: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter) and tensor.untyped_storage()._cdata not in held:
            # Kept alive, so that no storage takes the identity of another.
            alive.append(tensor)
            held[tensor.untyped_storage()._cdata] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield held


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        attended = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, attended)
        return attended

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> None:
        raise NotImplementedError("memory is counted forwards")


class _FusedAttention(TorchFunctionMode):
    """Lets attention keep what fused kernels keep; the meta device has none, and would keep all probabilities."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.scaled_dot_product_attention:
            return _Fused.apply(*args[:3])
        return func(*args, **(kwargs or {}))


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
