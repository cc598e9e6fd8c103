"""What KCDP's caches, its batched experts, its reading of maps and its checkpointing save, as ratios on one core.

    python benchmarks/speed/kcdp.py [--work frozen lora experts maps memory] [--images 64] [--unet emoji_small|quarter]

Times are of the process, so that a busy machine moves them little; the best of a few repetitions counts. `frozen` and
`lora` are whole training steps of the method with its optimiser; where the U-Net runs in the step, its pictures and
knowledge are those that the cache was made of. `quarter` is Stable Diffusion's topology at a quarter of its widths,
with random weights, at 256 pixels: what is saved grows with the U-Net.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from torch.nn import functional as F

from ucdver import Backbone, Batch, LabeledBatch, TaskInfo, UnlabeledBatch
from ucdver.spec.recipe import OptimRecipe
from ucdver.train.optim import build_optimiser
from ucdver_kcdp.diffusion import SD15_UNET, SD15_VAE, load_diffusion
from ucdver_kcdp.method import KCDP
from ucdver_kcdp.moe import MixtureOfExperts
from ucdver_kcdp.perception import DiffusionPerceiver, PerceptionOptions
from ucdver_kcdp.small import KCDPSmall, KCDPSmallConfig
from ucdver_kcdp.text_embedding import load_text_encoder

CLASSES = ("joy", "sadness", "anger", "fear", "disgust", "surprise")
SMALL = "emoji_small"
#: Width of what the experts read and of their hidden layer: the release's with knowledge, and kcdp_small's.
EXPERTS = ((1024 + 256, 128), (2048 + 32, 64))


def seconds(works: Sequence[Callable[[], object]], repeat: int) -> list[float]:
    """Return the least processor time of `repeat` calls of each, after one that is not counted.

    They take turns: a shared machine is slow for minutes at times, and would be so for one of them alone.
    """
    for work in works:
        work()
    found: list[list[float]] = [[] for _ in works]
    for _ in range(repeat):
        for work, times in zip(works, found, strict=True):
            started = time.process_time()
            work()
            times.append(time.process_time() - started)
    return [min(times) for times in found]


def write_quarter(folder: Path) -> None:
    """Write a pipeline's U-Net and VAE of random weights, of a quarter of Stable Diffusion's widths."""
    torch.manual_seed(0)
    unet = {**SD15_UNET, "block_out_channels": (80, 160, 320, 320), "cross_attention_dim": 128, "norm_num_groups": 16}
    vae = {**SD15_VAE, "block_out_channels": (32, 64, 128, 128)}
    UNet2DConditionModel.from_config(unet).save_pretrained(folder / "unet")
    AutoencoderKL.from_config(vae).save_pretrained(folder / "vae")


def pictures(count: int, side: int) -> Tensor:
    """Return smooth random pictures [count, 3, side, side]."""
    coarse = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return F.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 1)


def knowledge(count: int) -> Tensor:
    """Return packed knowledge [count, 40, 129] of made-up captions, as the annotator gives it."""
    encoder = load_text_encoder("minilm_small", "", torch.device("cpu"))
    tokens, mask = encoder.encode(captions(count))
    return torch.cat([tokens, mask.unsqueeze(2)], dim=2).repeat(1, 2, 1)


def captions(count: int) -> list[str]:
    """Return that many sentences."""
    return [f"a round face number {i} opens the mouth wide. a cat raises the eyebrows." for i in range(count)]


def method(model: str, extras: Mapping[str, Tensor], **options: Any) -> KCDP:
    """Return the method, the same weights each time, in training mode."""
    config = KCDPSmallConfig(model=model, warmup=0.0, confidence=0.0, **options)
    task = TaskInfo(CLASSES, ("source",), "uda", 10, extras={n: tuple(v.shape[1:]) for n, v in extras.items()})
    torch.manual_seed(0)
    return KCDPSmall(task, Backbone(torch.nn.Identity(), 4, (0.0,), (1.0,)), config).train()


def optimiser_of(made: KCDP) -> torch.optim.Optimizer:
    """Return the optimiser that a run has."""
    return build_optimiser(made, OptimRecipe(name="adamw", lr=1e-3))


def epoch(
    made: KCDP, optimiser: torch.optim.Optimizer, images: Tensor, extras: Mapping[str, Tensor], batch: int = 16
) -> list[float]:
    """Train on all images once, the same ones being source and target, and return the losses."""
    losses = []
    for start in range(0, len(images), batch):
        rows = slice(start, start + batch)
        ids = torch.arange(len(images))[rows]
        own = {name: values[rows] for name, values in extras.items()}
        source = LabeledBatch(ids, images[rows], ids % len(CLASSES), torch.zeros_like(ids), own)
        step = made.step(Batch(start, 10, "adapt", source, UnlabeledBatch(ids, images[rows], own)), 0.5)
        optimiser.zero_grad()
        step["total"].backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(step["total"].item())
    return losses


def frozen(model: str, side: int, count: int, repeat: int) -> None:
    """An epoch of the frozen mode: with the U-Net in every step, and from its cached features."""
    images, known = pictures(count, side), knowledge(count)
    options = PerceptionOptions(mode="frozen", size=side)
    perceiver = DiffusionPerceiver(load_diffusion(model), options).eval()
    with torch.inference_mode():
        parts = [perceiver(images[i : i + 8], known[i : i + 8, :, :-1]) for i in range(0, count, 8)]
    rows = torch.cat([torch.cat([level.flatten(1) for level in part], dim=1) for part in parts])
    given = {"kcdp_small_knowledge": known}
    cached = {**given, "kcdp_small_features": rows.half().float()}
    losses, works = [], []
    for extras, is_cached in ((given, False), (cached, True)):
        made = method(model, extras, cached=is_cached, size=side)
        again = partial(epoch, made, optimiser_of(made), images, extras)
        losses.append(again())
        works.append(again)
    slow, fast = seconds(works, repeat)
    apart = max(abs(a - b) for a, b in zip(*losses, strict=True))
    print(f"frozen: U-Net in the step {slow:.2f} s an epoch of {count}, cached {fast:.3f} s: ", end="")
    print(f"{slow / fast:.1f} times as fast; losses {apart:.1e} apart")


def lora(model: str, side: int, count: int, repeat: int) -> None:
    """A LoRA step with latents and tokens made in it, and with both from the cache."""
    images, known = pictures(count, side), knowledge(count)
    encoder = load_text_encoder("minilm_small", "", torch.device("cpu"))
    given = {"kcdp_small_knowledge": known}
    encoding = method(model, given, mode="lora", size=side)
    perceiver = encoding.network.perceiver
    assert perceiver is not None
    with torch.inference_mode():
        latents = torch.cat([perceiver.latents(images[i : i + 8]) for i in range(0, count, 8)])
    cached = {**given, "kcdp_small_latents": latents}
    trained = method(model, cached, mode="lora", cached_latents=True, size=side)
    slow_one, fast_one = optimiser_of(encoding), optimiser_of(trained)

    def in_step() -> None:
        # Caption and triples of source and of target.
        for _ in range(4):
            encoder.encode(captions(count))
        epoch(encoding, slow_one, images, given, count)

    slow, fast = seconds([in_step, lambda: epoch(trained, fast_one, images, cached, count)], repeat)
    print(f"LoRA: encoding in the step {slow:.2f} s, cached {fast:.2f} s: {slow / fast:.2f} times as fast")


def experts(batch: int, repeat: int, width: int, hidden: int) -> None:
    """The experts as one product, and as loops: over samples, and over samples after one gate for them all."""
    torch.manual_seed(0)
    made = MixtureOfExperts(width, len(CLASSES), hidden=hidden)
    inputs = torch.randn(batch, width)

    def said(x: Tensor, best: Tensor, chosen: Tensor) -> Tensor:
        logits = torch.zeros(len(CLASSES))
        for g, e in zip(best, chosen.tolist(), strict=True):
            seen = torch.relu(F.linear(x, made.hidden_weight[e], made.hidden_bias[e]))
            logits = logits + g * F.linear(seen, made.out_weight[e], made.out_bias[e])
        return logits

    def by_sample() -> Tensor:
        return torch.stack([said(x, *made.gate(x).softmax(0).topk(made.top_k)) for x in inputs])

    def gated_first() -> Tensor:
        # The loop of the release: over samples and their experts.
        rows = zip(inputs, *made.gate(inputs).softmax(1).topk(made.top_k, dim=1), strict=True)
        return torch.stack([said(*row) for row in rows])

    loops = {"a loop over samples": by_sample, "one that gates all at once": gated_first}

    def train(logits: Callable[[], Tensor]) -> None:
        logits().sum().backward()  # type: ignore[no-untyped-call]

    forms = [lambda: made(inputs).logits, *loops.values()]
    fast, *slow_ones = seconds([partial(train, form) for form in forms], repeat)
    print(f"experts of {width} x {hidden} at batch {batch}: batched {fast * 1e3:.1f} ms", end="")
    for (name, loop), slow in zip(loops.items(), slow_ones, strict=True):
        apart = (loop() - made(inputs).logits).abs().max().item()
        print(f"; {name} {slow * 1e3:.0f} ms, {slow / fast:.0f} times, logits {apart:.1e} apart", end="")
    print()


def all_experts(repeat: int) -> None:
    """The experts at a batch of 256, of every width."""
    for width, hidden in EXPERTS:
        experts(256, repeat, width, hidden)


def maps(model: str, side: int, count: int, repeat: int) -> None:
    """A forward pass of the U-Net with its maps read, and a plain one, which has fused attention everywhere."""
    known = knowledge(count)[..., :-1]
    plain = load_diffusion(model).unet.eval()
    perceiver = DiffusionPerceiver(load_diffusion(model), PerceptionOptions(mode="frozen")).eval()
    with torch.inference_mode():
        latents = perceiver.latents(pictures(count, side))
        works = [lambda: plain(latents, 1, encoder_hidden_states=known), lambda: perceiver.read(latents, known)]
        fused, read = seconds(works, repeat)
    print(f"maps: fused {fused * 1e3:.0f} ms, read {read * 1e3:.0f} ms: {read / fused:.2f} times as long")


def peak(model: str, side: int, count: int, checkpointing: bool) -> None:
    """Print by how much a LoRA step raises this process's peak memory, in MiB."""
    known = {"kcdp_small_knowledge": knowledge(count)}
    made = method(model, known, mode="lora", checkpointing=checkpointing, size=side, teacher=0.0)
    images = pictures(count, side)
    # A step of few pictures first, so that what is allocated once is not counted.
    optimiser = optimiser_of(made)
    epoch(made, optimiser, images[:2], {name: values[:2] for name, values in known.items()}, 2)
    Path("/proc/self/clear_refs").write_text("5")
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    epoch(made, optimiser, images, known, count)
    lines = Path("/proc/self/status").read_text().splitlines()
    high = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    print((high - before) / 2**20)


def memory(model: str, side: int, count: int) -> None:
    """The peak of a step with activations recomputed, and without."""
    found = []
    for how in ("kept", "recomputed"):
        command = [sys.executable, __file__, "--peak", how, model, str(side), str(count)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append(float(done.stdout.splitlines()[-1]))
    print(f"memory of a LoRA step of {2 * count} images: {found[0]:.0f} MiB, recomputed {found[1]:.0f} MiB: ", end="")
    print(f"{found[1] / found[0]:.2f} of it")


def main() -> None:
    """Print a line for each work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    works = ["frozen", "lora", "experts", "maps", "memory"]
    parser.add_argument("--work", nargs="+", default=works, choices=works)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--unet", choices=[SMALL, "quarter"], default=SMALL)
    parser.add_argument("--peak", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.peak:
        how, model, side, count = arguments.peak
        peak(model, int(side), int(count), how == "recomputed")
        return
    with tempfile.TemporaryDirectory() as folder:
        model, side, count = arguments.unet, 64, arguments.images
        if model == "quarter":
            write_quarter(Path(folder))
            model, side = folder, 256
        jobs: dict[str, Callable[[], object]] = {
            "frozen": lambda: frozen(model, side, count, arguments.repeat),
            "lora": lambda: lora(model, side, min(count, 16), arguments.repeat),
            "experts": lambda: all_experts(arguments.repeat),
            "maps": lambda: maps(model, side, min(count, 16), arguments.repeat),
            "memory": lambda: memory(model, side, min(count, 16)),
        }
        for work in arguments.work:
            jobs[work]()


if __name__ == "__main__":
    main()
