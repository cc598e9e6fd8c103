"""Looking at a method while it trains moves nothing."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ucdver.backbones.base import PrecomputedFeatures
from ucdver.data.batches import Batch
from ucdver.data.views import SourceView, TargetView, TaskData
from ucdver.methods.base import Method, Prediction, TaskInfo
from ucdver.seeds import scoped_seed
from ucdver.spec.protocol import Phase, Protocol
from ucdver.spec.recipe import Recipe
from ucdver.spec.run import MethodChoice, RunSpec
from ucdver.spec.task import Domain, Task
from ucdver.train.loop import Loop, LoopOptions
from ucdver.train.predict import predict_all

UDA = (Phase(name="adapt", source=True, target=True),)
SFDA = (
    Phase(name="source", source=True, target=False, share=0.5),
    Phase(name="adapt", source=False, target=True, share=0.5),
)
STEPS = 10


class Restless(Method):
    """Normalises, drops out, and draws and counts even when it predicts; the count goes into its loss."""

    def __init__(self, task: TaskInfo, backbone: PrecomputedFeatures, config: object) -> None:
        super().__init__(task, backbone, config)
        self.seen: Tensor
        self.register_buffer("seen", torch.zeros(()))

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        images = batch.sources.images if batch.has_source else batch.target.images
        logits = self(images)
        return {"total": logits.square().mean() * (1 + self.seen) + torch.rand(()) * logits.mean()}

    def predict(self, images: Tensor, extras: Mapping[str, Tensor]) -> Prediction:
        self.seen += torch.rand(())
        return super().predict(images, extras)


def data() -> TaskData:
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(20, 5, generator=generator), torch.randn(20, 5, generator=generator)
    ids = tuple(f"d/{i}" for i in range(20))
    source = SourceView(x, torch.arange(20) % 2, torch.zeros(20, dtype=torch.int64), ids)
    view = TargetView(y, ids, "d:b")
    return TaskData(source, source, view, {"d:b": view})


def spec(checkpoints: int, phases: tuple[Phase, ...] = UDA, setting: str = "uda") -> RunSpec:
    domains = [Domain(dataset="d", name=name) for name in "ab"]
    values = {"id": setting, "setting": setting, "phases": phases, "steps": STEPS, "checkpoints": checkpoints}
    return RunSpec(
        task=Task(id="t", sources=(domains[0],), targets=(domains[1],), label_space="two"),
        classes=("no", "yes"),
        protocol=Protocol.model_validate(values),
        method=MethodChoice(name="restless", version="1"),
        recipe=Recipe(backbone="x@none", batch_size=6, bottleneck=4, dropout=0.3),
        seed=3,
        data={},
        labels={},
    )


Looked = list[tuple[int, Tensor]]


def train(
    run: RunSpec, folder: Path, seconds: float = 1e9, stop_at: int | None = None, look: bool = True
) -> tuple[Method, Looked]:
    folder.mkdir(exist_ok=True)
    looked: Looked = []

    def observe(done: int, total: int, losses: Mapping[str, float]) -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    with scoped_seed("test"):
        info = TaskInfo(run.classes, ("d:a",), run.protocol.setting, STEPS, 4, 0.3)
        method = Restless(info, PrecomputedFeatures(5), Restless.Config())
        options = LoopOptions(checkpoint_seconds=seconds, reports=1000)
        loop = Loop(run, method, data(), torch.device("cpu"), folder, options)

        def at_checkpoint(done: int) -> None:
            images = data().source_val.images
            looked.append((done, predict_all(method, images, torch.device("cpu"), torch.float32).logits))

        arguments: tuple[Callable[[int], None], ...] = (at_checkpoint,) if look else ()
        try:
            loop.run(observe, *arguments)
        except KeyboardInterrupt:
            assert stop_at is not None
    return method, looked


def equal(a: Method, b: Method) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.mark.parametrize(("phases", "setting"), [(UDA, "uda"), (SFDA, "sfda")])
@pytest.mark.parametrize("checkpoints", [2, 5, STEPS])
def test_weights_are_bit_identical_however_often_one_looks(
    tmp_path: Path, phases: tuple[Phase, ...], setting: str, checkpoints: int
) -> None:
    once, nothing = train(spec(1, phases, setting), tmp_path / "once")
    often, looked = train(spec(checkpoints, phases, setting), tmp_path / "often")
    assert nothing == []
    assert [done for done, _ in looked] == list(spec(checkpoints).protocol.checkpoint_steps()[:-1])
    assert equal(once, often)
    assert len({tuple(logits.flatten().tolist()) for _, logits in looked}) == len(looked)


@pytest.mark.parametrize("stop_at", [1, 4, 5, 9])
def test_a_run_that_was_stopped_looks_at_the_same_as_one_that_was_not(tmp_path: Path, stop_at: int) -> None:
    run = spec(5)
    whole, expected = train(run, tmp_path / "whole")
    _, first = train(run, tmp_path / "cut", seconds=0, stop_at=stop_at)
    resumed, second = train(run, tmp_path / "cut")
    assert equal(whole, resumed)
    seen = dict(first) | dict(second)
    assert seen.keys() == dict(expected).keys()
    assert all(torch.equal(seen[done], logits) for done, logits in expected)


def test_checkpoints_are_evenly_spaced_and_end_with_the_budget() -> None:
    assert spec(4).protocol.checkpoint_steps() == (2, 5, 8, 10)
    assert spec(1).protocol.checkpoint_steps() == (10,)
    for checkpoints in range(1, STEPS + 1):
        steps = spec(checkpoints).protocol.checkpoint_steps()
        assert len(set(steps)) == checkpoints and steps[-1] == STEPS and min(steps) > 0


def test_more_checkpoints_than_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="10 steps have no 11 checkpoints"):
        spec(11)


def test_a_single_checkpoint_is_no_part_of_the_key_and_more_are() -> None:
    dumped = spec(1).model_dump()
    dumped["protocol"].pop("checkpoints")
    assert RunSpec.model_validate(dumped).key() == spec(1).key()
    assert len({spec(1).key(), spec(2).key(), spec(5).key()}) == 3
