"""A method, data and runs of a few steps, with which the training loop is tried."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ucdver.backbones.base import PrecomputedFeatures
from ucdver.data.batches import Batch
from ucdver.data.views import SourceView, TargetView, TaskData
from ucdver.methods.base import Method, TaskInfo
from ucdver.seeds import scoped_seed
from ucdver.spec.protocol import Phase, Protocol
from ucdver.spec.recipe import Recipe
from ucdver.spec.run import MethodChoice, RunSpec
from ucdver.spec.task import Domain, Task
from ucdver.train.loop import Loop, LoopOptions

UDA = (Phase(name="adapt", source=True, target=True),)
SFDA = (
    Phase(name="source", source=True, target=False, share=0.5),
    Phase(name="adapt", source=False, target=True, share=0.5),
)
TASK = Task(
    id="t", sources=(Domain(dataset="d", name="a"),), targets=(Domain(dataset="d", name="b"),), label_space="two"
)


class Plain(Method):
    """Cross entropy where there is a source, entropy where there is only a target; dropout draws random numbers."""

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        if batch.has_source:
            loss = torch.nn.functional.cross_entropy(self(batch.sources.images), batch.sources.labels)
        else:
            p = self(batch.target.images).softmax(1)
            loss = -(p * p.clamp_min(1e-6).log()).sum(1).mean()
        return {"total": loss, "twice": 2 * loss}


def data(n: int = 20, width: int = 5) -> TaskData:
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(n) % 2
    x = torch.randn(n, width, generator=generator) + labels[:, None] * 2.0
    target = torch.randn(n, width, generator=generator)
    ids = tuple(f"d/{i}" for i in range(n))
    source = SourceView(x, labels, torch.zeros(n, dtype=torch.int64), ids)
    view = TargetView(target, ids, "d:b")
    return TaskData(source, source, view, {"d:b": view})


def spec(phases: tuple[Phase, ...] = UDA, setting: str = "uda", steps: int = 12, **recipe: object) -> RunSpec:
    values = {"backbone": "x@none", "batch_size": 6, "bottleneck": 4, "dropout": 0.3, **recipe}
    return RunSpec(
        task=TASK,
        classes=("no", "yes"),
        protocol=Protocol.model_validate({"id": setting, "setting": setting, "phases": phases, "steps": steps}),
        method=MethodChoice(name="plain", version="1"),
        recipe=Recipe.model_validate(values),
        seed=3,
        data={},
        labels={},
    )


def build(kind: type[Method], run: RunSpec) -> Method:
    info = TaskInfo(
        run.classes, ("d:a",), run.protocol.setting, run.protocol.steps, run.recipe.bottleneck, run.recipe.dropout
    )
    torch.manual_seed(0)
    return kind(info, PrecomputedFeatures(5), kind.Config())


def train(
    kind: type[Method],
    run: RunSpec,
    folder: Path,
    seconds: float = 1e9,
    stop_at: int | None = None,
    reports: int = 1000,
) -> Method:
    folder.mkdir(exist_ok=True)

    def observe(done: int, total: int, losses: Mapping[str, float]) -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    with scoped_seed("test"):
        method = build(kind, run)
        loop = Loop(
            run, method, data(), torch.device("cpu"), folder, LoopOptions(checkpoint_seconds=seconds, reports=reports)
        )
        try:
            loop.run(observe)
        except KeyboardInterrupt:
            assert stop_at is not None
    return method


def equal(a: Method, b: Method) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
