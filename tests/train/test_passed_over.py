"""A phase that shows a method nothing is passed over."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import torch
from support.tiny_runs import make, pictures, run_spec
from torch import Tensor

from ucdver.methods.source_only import SourceOnly
from ucdver.seeds import scoped_seed
from ucdver.spec.protocol import Protocol
from ucdver.train.loop import Loop, LoopOptions


def trained(setting: str, steps: int, folder: Path) -> tuple[dict[str, Tensor], list[int], int]:
    """Return the weights at the end, after how many steps somebody looked, and how many steps were made."""
    folder.mkdir(exist_ok=True)
    spec = run_spec(setting, steps)
    spec = spec.model_copy(update={"protocol": spec.protocol.model_copy(update={"checkpoints": 4})})
    looked: list[int] = []
    with scoped_seed("test"):
        method = make(SourceOnly, setting, {}, steps)
        options = LoopOptions(checkpoint_seconds=1e9)
        loop = Loop(spec, method, pictures(setting), torch.device("cpu"), folder, options, reads_target=False)
        loop.run(lambda done, total, losses: None, looked.append)
    return method.state_dict(), looked, loop.steps_made


def test_source_only_ends_where_the_source_does_and_is_looked_at_to_the_end(tmp_path: Path) -> None:
    alone, _, _ = trained("uc", 8, tmp_path / "alone")
    left, looked, made = trained("sfda", 16, tmp_path / "left")
    assert looked == [4, 8, 12] and made == 8
    assert [name for name in alone if not torch.equal(alone[name], left[name])] == []
    again, _, _ = trained("sfda", 16, tmp_path / "left")
    assert [name for name in again if not torch.equal(again[name], left[name])] == []


def test_a_phase_that_was_passed_over_before_a_stop_is_not_looked_at_again(tmp_path: Path) -> None:
    spec = run_spec("uda", 12)
    shown = [(True, False), (False, True), (True, True)]
    phases = [{"name": f"p{i}", "source": s, "target": t, "share": 1 / 3} for i, (s, t) in enumerate(shown)]
    protocol = Protocol.model_validate({**spec.protocol.model_dump(), "phases": phases, "checkpoints": 2})
    spec = spec.model_copy(update={"protocol": protocol})
    seen: dict[str, list[Tensor]] = {"whole": [], "cut": []}

    def go(folder: str, stop_at: int | None) -> None:
        def observe(done: int, total: int, losses: dict[str, float]) -> None:
            if done == stop_at:
                raise KeyboardInterrupt

        (tmp_path / folder).mkdir(exist_ok=True)
        with scoped_seed("test"):
            method = make(SourceOnly, "uda", {}, 12)
            options = LoopOptions(checkpoint_seconds=0)
            loop = Loop(
                spec, method, pictures("uda"), torch.device("cpu"), tmp_path / folder, options, reads_target=False
            )
            with suppress(KeyboardInterrupt):
                loop.run(observe, lambda done: seen[folder].append(method.head.weight.detach().clone()))

    go("whole", None)
    go("cut", 10)
    go("cut", None)
    assert len(seen["whole"]) == len(seen["cut"]) == 1
    assert torch.equal(seen["whole"][0], seen["cut"][0])
