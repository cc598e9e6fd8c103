import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ucdver.backbones.base import PrecomputedFeatures
from ucdver.data.batches import Batch
from ucdver.data.views import SourceView, TargetView, TaskData
from ucdver.errors import DataError, NonFiniteLossError, SpecError
from ucdver.methods.base import Method, ParameterGroup, TaskInfo, Views
from ucdver.seeds import scoped_seed
from ucdver.spec.protocol import Phase, Protocol
from ucdver.spec.recipe import OptimRecipe, Recipe
from ucdver.spec.run import MethodChoice, RunSpec
from ucdver.spec.task import Domain, Task
from ucdver.train.checkpoint import load_checkpoint
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


def train(kind: type[Method], run: RunSpec, folder: Path, seconds: float = 1e9, stop_at: int | None = None) -> Method:
    folder.mkdir(exist_ok=True)

    def observe(done: int, total: int, losses: Mapping[str, float]) -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    with scoped_seed("test"):
        method = build(kind, run)
        loop = Loop(
            run, method, data(), torch.device("cpu"), folder, LoopOptions(checkpoint_seconds=seconds, reports=1000)
        )
        try:
            loop.run(observe)
        except KeyboardInterrupt:
            assert stop_at is not None
    return method


def equal(a: Method, b: Method) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


class Untrained(Method):
    """Only predicts: it has no step."""

    trains = False

    def start_phase(self, phase: str) -> None:
        self.phases = [*getattr(self, "phases", []), phase]


def test_a_method_that_only_predicts_makes_no_step_draws_no_batch_and_is_looked_at_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ucdver.train.loop.Feeder.batch", None)
    run = spec(SFDA, "sfda")
    run = run.model_copy(update={"protocol": run.protocol.model_copy(update={"checkpoints": 4})})
    told, looked = [], []
    with scoped_seed("test"):
        method = build(Untrained, run)
        before = {name: value.clone() for name, value in method.state_dict().items()}
        loop = Loop(run, method, data(), torch.device("cpu"), tmp_path, LoopOptions())
        assert loop.run(lambda done, total, losses: told.append((done, total)), looked.append) == 0
    assert told == [(12, 12)]
    assert looked == [3, 6, 9]
    assert method.phases == ["source", "adapt"]
    assert all(torch.equal(before[name], value) for name, value in method.state_dict().items())
    saved = load_checkpoint(tmp_path / "checkpoints" / "last.pt", run.key())
    assert saved is not None and saved.step == 6 and saved.phase == 1


@pytest.mark.parametrize(("phases", "setting"), [(UDA, "uda"), (SFDA, "sfda")])
@pytest.mark.parametrize("stop_at", [1, 5, 6, 7, 12])
@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(
    tmp_path: Path, phases: tuple[Phase, ...], setting: str, stop_at: int, optimiser: str
) -> None:
    run = spec(phases, setting, optim=OptimRecipe(name=optimiser, lr=0.05))
    whole = train(Plain, run, tmp_path / "whole")
    train(Plain, run, tmp_path / "cut", seconds=0, stop_at=stop_at)
    resumed = train(Plain, run, tmp_path / "cut")
    assert equal(whole, resumed)
    lines = [json.loads(line) for line in (tmp_path / "cut" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 13))


class Grows(Plain):
    """Makes a layer when the first phase starts, and freezes the head when the second does."""

    def start_phase(self, phase: str) -> None:
        if phase == "source":
            self.extra = torch.nn.Linear(2, 2)
        else:
            self.head.requires_grad_(False)

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup([p for p in self.parameters() if p.requires_grad])]


def test_what_an_earlier_phase_made_is_there_after_a_resume(tmp_path: Path) -> None:
    run = spec(SFDA, "sfda")
    whole = train(Grows, run, tmp_path / "whole")
    train(Grows, run, tmp_path / "cut", seconds=0, stop_at=9)
    resumed = train(Grows, run, tmp_path / "cut")
    assert equal(whole, resumed)
    assert [p.requires_grad for p in whole.parameters()] == [p.requires_grad for p in resumed.parameters()]


def test_training_learns_and_the_log_says_so(tmp_path: Path) -> None:
    run = spec(steps=150, dropout=0.0, optim=OptimRecipe(lr=0.05))
    method = train(Plain, run, tmp_path / "run").eval()
    source = data().source_train
    assert (method(source.images).argmax(1) == source.labels).float().mean() > 0.9
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["total"] < lines[0]["total"]
    assert lines[-1]["twice"] == pytest.approx(2 * lines[-1]["total"], rel=1e-5)


class Explodes(Plain):
    """Gives a loss that is not finite at the eighth step."""

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        losses = super().step(batch, progress)
        return {"total": losses["total"], "extra": losses["total"] * (float("nan") if batch.step == 7 else 1.0)}


def test_a_loss_that_is_not_finite_ends_the_run_with_its_step_and_terms(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError, match=r"at step 7: total = [0-9.]+, extra = nan"):
        train(Explodes, spec(), tmp_path / "run", seconds=1e9)
    assert not (tmp_path / "run" / "checkpoints" / "last.pt").exists()


def test_a_checkpoint_is_never_written_after_a_bad_loss(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError):
        train(Explodes, spec(), tmp_path / "run", seconds=0)
    saved = torch.load(tmp_path / "run" / "checkpoints" / "last.pt", weights_only=True)
    assert saved["step"] == 7


class NoTotal(Plain):
    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        return {"loss": torch.zeros((), requires_grad=True)}


class Vector(Plain):
    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        return {"total": self(batch.sources.images).sum(1)}


@pytest.mark.parametrize(("kind", "says"), [(NoTotal, "key 'total'"), (Vector, "must be a scalar")])
def test_a_step_that_breaks_the_contract_is_refused_in_words(tmp_path: Path, kind: type[Method], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        train(kind, spec(), tmp_path / "run")


def test_a_method_that_reads_a_hidden_side_is_refused_in_words(tmp_path: Path) -> None:
    class Peeks(Plain):
        def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
            return {"total": self(batch.target.images).sum()}

    with pytest.raises(SpecError, match="phase 'source' shows no target images"):
        train(Peeks, spec(SFDA, "sfda"), tmp_path / "run")


def test_a_checkpoint_of_another_run_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    train(Plain, spec(), tmp_path / "run")
    with pytest.raises(DataError, match="belongs to another run"):
        train(Plain, spec(batch_size=5), tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "last.pt"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="is damaged"):
        train(Plain, spec(), tmp_path / "run")


class Epochs(Plain):
    """Counts epochs in a buffer and keeps what it was shown."""

    wants_views = True

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.register_buffer("epochs", torch.zeros((), dtype=torch.int64))
        self.shown: list[Views] = []

    def on_epoch(self, views: Views | None, epoch: int) -> None:
        assert views is not None
        assert epoch == int(self.epochs)
        self.epochs += 1
        self.shown.append(views)


def test_epoch_work_is_done_once_an_epoch_with_views_that_hold_no_target_label(tmp_path: Path) -> None:
    method = train(Epochs, spec(), tmp_path / "run")
    assert isinstance(method, Epochs)
    assert int(method.epochs) == 3  # 12 steps of 6 of 20 images: epochs begin at steps 0, 4, 8
    view = method.shown[0]
    assert view.source is not None and view.target is not None and view.source_labels is not None
    assert view.source.logits.shape == (20, 2) and view.target.features.shape == (20, 4)
    assert not any("target" in name and "label" in name for name in vars(view))
    assert view.source_val is not None and view.source_val_labels is not None
    assert torch.equal(view.source_val.logits, view.source.logits)  # the run's held-out images are its training images
    assert torch.equal(view.source_val_labels, data().source_val.labels)


class Alternates(Plain):
    manual_optimisation = True

    def manual_step(self, batch: Batch, progress: float, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
        for _ in range(2):
            losses = self.step(batch, progress)
            optimiser.zero_grad()
            losses["total"].backward()
            optimiser.step()
        return losses


def test_a_method_may_make_its_own_updates(tmp_path: Path) -> None:
    assert not equal(train(Alternates, spec(), tmp_path / "a"), train(Plain, spec(), tmp_path / "b"))
    assert equal(train(Alternates, spec(), tmp_path / "c"), train(Alternates, spec(), tmp_path / "d"))


def test_gradients_are_clipped_to_the_norm(tmp_path: Path) -> None:
    free = train(Plain, spec(steps=1, optim=OptimRecipe(lr=1.0, momentum=0, weight_decay=0)), tmp_path / "a")
    held = train(
        Plain, spec(steps=1, optim=OptimRecipe(lr=1.0, momentum=0, weight_decay=0, clip_norm=0.01)), tmp_path / "b"
    )
    start = build(Plain, spec())

    def moved(method: Method) -> float:
        pairs = zip(method.parameters(), start.parameters(), strict=True)
        return float(sum((a - b).detach().pow(2).sum() for a, b in pairs) ** 0.5)

    assert moved(free) > 0.05
    assert moved(held) == pytest.approx(0.01, rel=1e-3)


class Grouped(Plain):
    def parameter_groups(self) -> list[ParameterGroup]:
        return [
            ParameterGroup(list(self.bottleneck.parameters()), lr_multiplier=0.0),
            ParameterGroup(list(self.head.parameters()), lr_multiplier=2.0),
        ]


def test_a_group_with_multiplier_zero_does_not_move(tmp_path: Path) -> None:
    method, start = train(Grouped, spec(), tmp_path / "run"), build(Grouped, spec())
    assert all(
        torch.equal(a, b) for a, b in zip(method.bottleneck.parameters(), start.bottleneck.parameters(), strict=True)
    )
    assert not torch.equal(method.head.weight, start.head.weight)


def test_bfloat16_trains_on_a_cpu(tmp_path: Path) -> None:
    method = train(Plain, spec(precision="bfloat16", steps=20), tmp_path / "run")
    assert all(p.dtype == torch.float32 and torch.isfinite(p).all() for p in method.parameters())
