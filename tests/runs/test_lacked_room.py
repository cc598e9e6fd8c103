"""What failed for want of room goes on from where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from ucdver import Batch
from ucdver.methods.source_only import SourceOnly
from ucdver.runs import worker
from ucdver.runs.options import WorkerOptions
from ucdver.runs.plan import Plan
from ucdver.runs.store import RunStore
from ucdver.runs.worker import execute
from ucdver.train.loop import LoopOptions

OFTEN = LoopOptions(checkpoint_seconds=0, reports=1000)


def quiet(done: int, total: int, losses: dict[str, float]) -> None:
    """Observe nothing."""


@pytest.fixture
def broken_at_four(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Exception], None]]:
    """Return a function that has the step after the third raise an error."""
    with monkeypatch.context() as patched:
        step = SourceOnly.step

        def set_up(error: Exception) -> None:
            made = 0

            def breaks(self: SourceOnly, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
                nonlocal made
                made += 1
                if made == 4:
                    raise error
                return step(self, batch, progress)

            patched.setattr(SourceOnly, "step", breaks)

        yield set_up


def caught(work: Callable[[], object]) -> Exception:
    with pytest.raises(RuntimeError) as told:
        work()
    return told.value


@pytest.mark.parametrize(
    "error, first",
    [
        (OSError(28, "No space left on device"), 4),
        (ConnectionResetError("the share is gone"), 4),
        (MemoryError(), 4),
        (torch.OutOfMemoryError("CUDA out of memory"), 4),
        (caught(lambda: torch.empty(10**15)), 4),
        (caught(lambda: torch.save(torch.zeros(10**5), "/dev/full")), 4),
        (ValueError("a fault of the method"), 1),
    ],
)
def test_what_the_machine_lacked_costs_no_step_that_was_made(
    tmp_path: Path,
    home: Path,
    plan: Callable[..., Plan],
    broken_at_four: Callable[[Exception], None],
    error: Exception,
    first: int,
) -> None:
    spec = plan().runs[0]
    options = WorkerOptions(runs=tmp_path / "runs", home=home, loop=OFTEN)
    broken_at_four(error)
    assert execute(spec, options, quiet).status == "failed"
    reached: list[int] = []
    assert execute(spec, options, lambda done, total, losses: reached.append(done)).status == "done"
    assert reached[0] == first


def test_a_sign_of_life_that_cannot_be_written_ends_no_run(
    tmp_path: Path, home: Path, plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = plan().runs[0]
    owner = RunStore(tmp_path / "runs").folder(spec.key()) / "owner.json"
    monkeypatch.setattr(worker, "BEAT_SECONDS", -1.0)

    def observe(done: int, total: int, losses: dict[str, float]) -> None:
        # What is a folder cannot be written.
        if done == 2:
            owner.unlink()
            owner.mkdir()
        if done == 4:
            with suppress(FileNotFoundError):
                owner.rmdir()

    record = execute(spec, WorkerOptions(runs=tmp_path / "runs", home=home, loop=OFTEN), observe)
    assert record.status == "done", record.reason
