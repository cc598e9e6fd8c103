import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from support.small_loops import SFDA, UDA, Plain, build, data, equal, spec, train
from torch import Tensor

from ucdver.backbones.base import Backbone
from ucdver.data.batches import Batch
from ucdver.errors import DataError, NonFiniteLossError, SpecError
from ucdver.methods.base import Method, MethodConfig, ParameterGroup, Prediction, TaskInfo, Views
from ucdver.seeds import scoped_seed
from ucdver.spec.protocol import Phase
from ucdver.spec.recipe import OptimRecipe
from ucdver.train.checkpoint import load_checkpoint
from ucdver.train.guard import LossGuard
from ucdver.train.loop import Loop, LoopOptions


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


class Draws(Plain):
    """Draws where a phase starts and where it predicts, and reads its predictions at each epoch."""

    wants_views = True

    def __init__(self, task: TaskInfo, backbone: Backbone, config: MethodConfig) -> None:
        super().__init__(task, backbone, config)
        self.register_buffer("mean", torch.zeros(()))

    def start_phase(self, phase: str) -> None:
        if phase != "source":
            torch.nn.init.normal_(self.head.weight, std=0.01)

    def predict(self, images: Tensor, extras: Mapping[str, Tensor]) -> Prediction:
        found = super().predict(images, extras)
        return Prediction(found.features, found.logits + torch.rand_like(found.logits))

    def on_epoch(self, views: Views | None, epoch: int) -> None:
        shown = views and (views.source or views.target)
        assert shown is not None
        self.mean.copy_(shown.logits.mean())


@pytest.mark.parametrize("stop_at", [5, 6, 7, 10])
def test_what_is_drawn_outside_a_step_is_the_same_after_a_stop(tmp_path: Path, stop_at: int) -> None:
    run = spec(SFDA, "sfda")
    whole = train(Draws, run, tmp_path / "whole")
    train(Draws, run, tmp_path / "cut", seconds=0 if stop_at != 7 else 1e9, stop_at=stop_at)
    assert equal(whole, train(Draws, run, tmp_path / "cut"))


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


class Alternately(Explodes):
    """Has a third term at every other step."""

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        losses = super().step(batch, progress)
        return losses if batch.step % 2 else {**losses, "third": losses["total"]}


def test_steps_of_different_terms_are_watched_without_waiting_for_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    check = LossGuard.check
    monkeypatch.setattr(LossGuard, "check", lambda self: (asked.append(0), check(self))[1])
    with pytest.raises(NonFiniteLossError, match=r"at step 7: total = [0-9.]+, extra = nan; lower"):
        train(Alternately, spec(), tmp_path / "run", seconds=1e9, reports=1)
    assert len(asked) == 1


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
