"""The training loop: phases, steps, schedules, clipping, mixed precision, log, checkpoints and exact resume."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ucdver.data.augment import Augment
from ucdver.data.batches import Batch
from ucdver.data.decode import BACKGROUNDS
from ucdver.data.feeder import Feeder
from ucdver.data.views import TaskData
from ucdver.errors import DataError, SpecError
from ucdver.methods.base import Method
from ucdver.seeds import run_seed, scoped_seed, seed_step
from ucdver.spec.protocol import Phase
from ucdver.spec.run import RunSpec
from ucdver.train.checkpoint import Checkpoint, checkpoint_path, load_checkpoint, point_path, save_checkpoint
from ucdver.train.guard import LossGuard
from ucdver.train.log import RunLog
from ucdver.train.optim import build_optimiser, set_lr
from ucdver.train.predict import training_views
from ucdver.train.pseudo_log import PseudoLabelLog

#: What the loop tells its caller: steps done, steps in all, the latest losses.
Observer = Callable[[int, int, dict[str, float]], None]

#: Called with the steps done at each checkpoint of the protocol but the last, to save what the method gives by then.
AtCheckpoint = Callable[[int], None]


@dataclass(frozen=True)
class LoopOptions:
    """What may differ between machines without moving a result: how often to save and to report."""

    checkpoint_seconds: float = 30.0
    reports: int = 50


class Loop:
    """Trains one method as its RunSpec says, in a folder that holds its log and its checkpoint.

    Without `reads_target` the method is shown no target, whatever a phase says; all that it does see stays the same. A
    phase that shows it nothing is passed over: the method stays as the phase before left it.
    """

    def __init__(
        self,
        spec: RunSpec,
        method: Method,
        data: TaskData,
        device: torch.device,
        folder: Path,
        options: LoopOptions,
        reads_target: bool = True,
    ) -> None:
        self.spec = spec
        self.key = spec.key()
        self.method = method
        self.data = data
        augment = Augment(spec.recipe.augment, BACKGROUNDS[spec.recipe.image.background] / 255)
        self.seed = run_seed(spec.task.id, spec.seed)
        self.feeder = Feeder(data, spec.recipe.batch_size, self.seed, augment, device, reads_target)
        self.reads_target = reads_target
        self.device = device
        self.options = options
        self.folder = folder
        self.path = checkpoint_path(folder)
        self.log = RunLog(folder / "log.jsonl")
        self.pseudo_log = PseudoLabelLog(folder, () if data.target_train is None else data.target_train.ids)
        self.target_rows: Tensor | None = None
        self.optim = spec.recipe.optim
        self.precision: torch.dtype = getattr(torch, spec.recipe.precision)
        self.guard = LossGuard(device)
        self.seconds = 0.0
        self.modules: tuple[torch.nn.Module, ...] = ()
        self.points = frozenset(spec.protocol.checkpoint_steps()[:-1])

    def run(self, observe: Observer, at_checkpoint: AtCheckpoint = lambda done: None) -> float:
        """Train to the end of the budget, from the last checkpoint if there is one; return the seconds of training.

        What `at_checkpoint` does moves neither random numbers nor normalisation, nor the seconds. The weights of every
        checkpoint within are kept, so that what may only be looked at when training is over can be predicted then.
        """
        self.at_checkpoint = at_checkpoint
        if not self.method.trains:
            return self._run_untrained(observe)
        saved = load_checkpoint(self.path, self.key)
        done = 0
        for number, (phase, steps) in enumerate(
            zip(self.spec.protocol.phases, self.spec.protocol.phase_steps(), strict=True)
        ):
            if not phase.source and not self.reads_target:
                # Before a checkpoint that is gone on from, it was looked at in the first go, with weights long gone.
                if saved is None or saved.phase < number:
                    self._pass_over(number, done, steps)
            elif saved is None or saved.phase <= number:
                resume = saved if saved is not None and saved.phase == number else None
                self._run_phase(number, phase, steps, done, resume, observe)
            else:
                # What an earlier phase made or froze must be there before its weights are loaded.
                self._start_phase(number, phase)
                build_optimiser(self.method, self.optim)
            done += steps
        return self.seconds

    def _run_untrained(self, observe: Observer) -> float:
        """Make no step, for a method that only predicts: draw no batch, and let the caller look where it wants to."""
        phases, steps = self.spec.protocol.phases, self.spec.protocol.phase_steps()
        for number, phase in enumerate(phases):
            self._start_phase(number, phase)
        for done in sorted(self.points):
            self._look(done, len(phases) - 1)
        save_checkpoint(
            self.path, Checkpoint(self.key, len(phases) - 1, steps[-1], 0.0, self.method.state_dict(), {}, {})
        )
        observe(self.spec.protocol.steps, self.spec.protocol.steps, {})
        return self.seconds

    def restore(self, done: int) -> None:
        """Bring a method that was just made to where this run's was after `done` steps.

        Raises:
            DataError: the weights are not there, or damaged.
        """
        path = point_path(self.folder, done)
        saved = load_checkpoint(path, self.key)
        if saved is None:
            raise DataError(f"{path} is gone", "run it again with --rerun always")
        for number, phase in enumerate(self.spec.protocol.phases[: saved.phase + 1]):
            # What a phase makes or freezes must be there before its weights are loaded.
            if not self.method.trains:
                self._start_phase(number, phase)
            elif phase.source or self.reads_target:
                self._start_phase(number, phase)
                build_optimiser(self.method, self.optim)
        self.method.load_state_dict(saved.method)

    @property
    def steps_made(self) -> int:
        """The steps of all phases but those that are passed over."""
        protocol = self.spec.protocol
        shown = zip(protocol.phases, protocol.phase_steps(), strict=True)
        return sum(steps for phase, steps in shown if phase.source or self.reads_target)

    def _start_phase(self, number: int, phase: Phase) -> None:
        """Call `start_phase`, whose draws are the same after a stop as without one."""
        with scoped_seed("phase", self.seed, number):
            self.method.start_phase(phase.name)

    def _pass_over(self, number: int, before: int, steps: int) -> None:
        """Make no step, and have the method looked at where the protocol says so."""
        for done in sorted(self.points):
            if before < done <= before + steps:
                self._look(done, number)

    def _run_phase(
        self, number: int, phase: Phase, steps: int, before: int, saved: Checkpoint | None, observe: Observer
    ) -> None:
        self._start_phase(number, phase)
        self.modules = tuple(self.method.modules())
        optimiser = build_optimiser(self.method, self.optim)
        scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == torch.float16)
        first = 0
        if saved is not None:
            self.method.load_state_dict(saved.method)
            optimiser.load_state_dict(saved.optimiser)
            scaler.load_state_dict(saved.scaler)
            first, self.seconds = saved.step, saved.seconds
        self.log.cut_after(before + first)
        self.pseudo_log.cut_after(before + first)
        every = max(1, self.spec.protocol.steps // self.options.reports)
        started = saved_at = time.perf_counter()
        earlier = self.seconds
        for step in range(first, steps):
            set_lr(optimiser, self.optim, step, steps)
            self.guard.watch(before + step, self._step(number, phase, step, steps, before, optimiser, scaler))
            if before + step + 1 in self.points:
                started += self._look(before + step + 1, number)
            now = time.perf_counter()
            due = now - saved_at >= self.options.checkpoint_seconds
            regular = step + 1 == steps or (step + 1) % every == 0
            if regular:
                self._write_pseudo_labels(before + step + 1)
            if due or regular:
                self.guard.check()
                self.seconds = earlier + time.perf_counter() - started
                self._report(before + step + 1, optimiser, observe)
            if due or step + 1 == steps:
                self._save(number, step + 1, optimiser, scaler)
                saved_at = time.perf_counter()

    def _step(
        self,
        number: int,
        phase: Phase,
        step: int,
        steps: int,
        before: int,
        optimiser: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
    ) -> dict[str, Tensor]:
        """Make one step: seed, epoch work, batch, losses, backward, clip, update."""
        per_epoch = self.feeder.steps_per_epoch(phase)
        if step % per_epoch == 0:
            self._epoch(number, phase, step // per_epoch)
            self.modules = tuple(self.method.modules())
        seed_step(self.seed, number, step)
        self._train_mode()
        batch = self.feeder.batch(phase, step, steps, before + step)
        self.target_rows = batch.target.ids if batch.has_target else None
        self.method.pseudo_labels = None
        if self.method.manual_optimisation:
            with self._autocast():
                return _checked(self.method, self.method.manual_step(batch, step / steps, optimiser))
        losses = self._losses(batch, step / steps)
        optimiser.zero_grad(set_to_none=True)
        scaler.scale(losses["total"]).backward()  # type: ignore[no-untyped-call]
        if self.optim.clip_norm > 0:
            scaler.unscale_(optimiser)
            trained = [p for group in optimiser.param_groups for p in group["params"]]
            torch.nn.utils.clip_grad_norm_(trained, self.optim.clip_norm)
        scaler.step(optimiser)
        scaler.update()
        return losses

    def _train_mode(self) -> None:
        """Put the method into train mode where any part is not: doing so at every step took as long as a batch."""
        if not all(module.training for module in self.modules):
            self.method.train()

    def _look(self, done: int, number: int) -> float:
        """Let the caller look at the method, and keep its weights; return how many seconds that took."""
        began = time.perf_counter()
        self.guard.check()
        kept = Checkpoint(self.key, number, done, 0.0, self.method.state_dict(), {}, {})
        save_checkpoint(point_path(self.folder, done), kept)
        state = {name: buffer.clone() for name, buffer in self.method.named_buffers()}
        with scoped_seed("checkpoint", self.spec.seed, done):
            self.at_checkpoint(done)
        for name, buffer in self.method.named_buffers():
            # A prediction that counts or averages must not let training know that somebody looked.
            buffer.copy_(state[name])
        return time.perf_counter() - began

    def _losses(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        with self._autocast():
            return _checked(self.method, self.method.step(batch, progress))

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32)

    def _epoch(self, number: int, phase: Phase, epoch: int) -> None:
        """Call `on_epoch`, seeded apart from every step, with predictions only where the method wants them."""
        views = None
        if self.method.wants_views:
            shown = phase if self.reads_target else phase.model_copy(update={"target": False})
            with scoped_seed("views", self.seed, number, epoch):
                views = training_views(self.method, self.data, shown, self.device, self.precision)
        seed_step(self.seed, number, -1 - epoch)
        self.method.on_epoch(views, epoch)

    def _write_pseudo_labels(self, done: int) -> None:
        """Save what the last step took its target images for, at steps that no machine's speed decides."""
        if self.method.pseudo_labels is not None and self.target_rows is not None:
            self.pseudo_log.write(done, self.target_rows, self.method.pseudo_labels)

    def _report(self, done: int, optimiser: torch.optim.Optimizer, observe: Observer) -> None:
        losses = self.guard.latest()
        lr = optimiser.param_groups[-1]["lr"]
        self.log.write({"step": done, "lr": lr, "seconds": round(self.seconds, 3), **losses})
        observe(done, self.spec.protocol.steps, losses)

    def _save(self, number: int, step: int, optimiser: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
        state = self.method.state_dict()
        checkpoint = Checkpoint(
            self.key, number, step, self.seconds, state, optimiser.state_dict(), scaler.state_dict()
        )
        save_checkpoint(self.path, checkpoint)


def _checked(method: Method, losses: dict[str, Tensor]) -> dict[str, Tensor]:
    """Refuse a step that does not return scalar losses with a "total"."""
    name = type(method).__name__
    if not isinstance(losses, dict) or "total" not in losses:
        raise SpecError(f"{name}.step must return a dict of losses with the key 'total'")
    for key, loss in losses.items():
        if not isinstance(loss, Tensor) or loss.dim() != 0:
            raise SpecError(f"{name}.step: loss '{key}' must be a scalar tensor")
        if loss.device != losses["total"].device:
            raise SpecError(f"{name}.step: loss '{key}' is on {loss.device}, and the total on {losses['total'].device}")
    return losses
