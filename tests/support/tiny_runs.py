"""Runs of a method through the real loop on tiny random pictures: two source domains, one target, a few steps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from ucdver import Backbone, Batch, Method, TaskInfo
from ucdver.data.feeder import Feeder
from ucdver.data.views import SourceView, TargetView, TaskData
from ucdver.seeds import scoped_seed
from ucdver.spec.protocol import Phase, Protocol
from ucdver.spec.recipe import Recipe
from ucdver.spec.run import MethodChoice, RunSpec
from ucdver.spec.task import Domain, Task
from ucdver.train.loop import Loop, LoopOptions
from ucdver.train.predict import training_views

PHASES = {
    "uda": (Phase(name="adapt", source=True, target=True),),
    "uc": (Phase(name="train", source=True, target=False),),
    "sfda": (
        Phase(name="source", source=True, target=False, share=0.5),
        Phase(name="adapt", source=False, target=True, share=0.5),
    ),
}
STEPS, COUNT, SIDE = 12, 20, 8
#: As few units as will do, by method; what is not named here has its defaults.
SMALL = {name: {"hidden": 8} for name in ("dann", "cdan", "bsp", "mcd", "adda", "toalign", "ssrt", "mdd")}


def convolutional() -> Backbone:
    """Return a backbone of two convolutions, for pictures of any size."""
    body = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    return Backbone(body, 5, mean=(0.5,) * 3, std=(0.5,) * 3)


def transformer() -> Backbone:
    """Return a vision transformer of three blocks for 8x8 pictures."""
    body = VisionTransformer(img_size=SIDE, patch_size=4, embed_dim=16, depth=3, num_heads=2, num_classes=0)
    return Backbone(body, 16, mean=(0.5,) * 3, std=(0.5,) * 3)


def pictures(setting: str) -> TaskData:
    """Return the run's data."""
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(COUNT) % 3
    ids = tuple(f"d/{i}" for i in range(COUNT))

    def draw() -> torch.Tensor:
        return torch.randint(0, 256, (COUNT, 3, SIDE, SIDE), generator=generator, dtype=torch.uint8)

    source = SourceView(draw(), labels, torch.arange(COUNT) // (COUNT // 2), ids)
    target = TargetView(draw(), ids, "d:c")
    return TaskData(source, source, None if setting == "uc" else target, {"d:c": target})


def run_spec(setting: str, steps: int = STEPS) -> RunSpec:
    """Return what the loop is told."""
    domains = [Domain(dataset="d", name=name) for name in "abc"]
    return RunSpec(
        task=Task(id="t", sources=tuple(domains[:2]), targets=(domains[2],), label_space="three"),
        classes=("x", "y", "z"),
        protocol=Protocol.model_validate(
            {"id": setting, "setting": setting, "phases": PHASES[setting], "steps": steps}
        ),
        method=MethodChoice(name="m", version="1"),
        recipe=Recipe.model_validate({"backbone": "x@none", "batch_size": 6, "bottleneck": 8}),
        seed=3,
        data={},
        labels={},
    )


def make(kind: type[Method], setting: str, config: Mapping[str, Any], steps: int = STEPS) -> Method:
    """Return a method on a tiny network; SSRT gets a transformer."""
    info = TaskInfo(("x", "y", "z"), ("d:a", "d:b"), setting, steps, bottleneck=8)
    torch.manual_seed(0)
    backbone = transformer() if kind.__name__ == "SSRT" else convolutional()
    return kind(info, backbone, kind.Config(**config))


def prepared(
    kind: type[Method], setting: str, config: Mapping[str, Any], step: int, precision: torch.dtype | None = None
) -> tuple[Method, Batch]:
    """Return a method in the last phase of its setting, with the views it asks for, and the batch of a step of that."""
    phase = PHASES[setting][-1]
    method = make(kind, setting, config).train()
    method.start_phase(phase.name)
    if method.wants_views:
        method.on_epoch(training_views(method, pictures(setting), phase, torch.device("cpu"), precision), 0)
    return method, Feeder(pictures(setting), 6, 0, None, "cpu").batch(phase, step, STEPS, step)


def train(
    kind: type[Method],
    setting: str,
    folder: Path,
    config: Mapping[str, Any] | None = None,
    stop_at: int | None = None,
    steps: int = STEPS,
) -> Method:
    """Train, to the end or until `stop_at` steps are done, and return the method; a checkpoint is left either way."""
    folder.mkdir(exist_ok=True)

    def observe(done: int, total: int, losses: Mapping[str, float]) -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    options = LoopOptions(checkpoint_seconds=1e9 if stop_at is None else 0, reports=1000)
    with scoped_seed("test"):
        method = make(kind, setting, config or {}, steps)
        loop = Loop(run_spec(setting, steps), method, pictures(setting), torch.device("cpu"), folder, options)
        try:
            loop.run(observe)
        except KeyboardInterrupt:
            assert stop_at is not None
    return method
