"""Protocols: data that say what each phase of training may see, how rows are split and how long to train."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import Field, model_validator

from ucdver.spec.base import Name, Value

Setting = Literal["uda", "sfda", "uc"]


class Phase(Value):
    """One stretch of training: whether it sees the labelled source and the unlabelled target, and its share."""

    name: Name
    source: bool
    target: bool
    share: float = Field(default=1.0, gt=0, le=1)


class SplitRule(Value):
    """How the rows of a domain become training, validation and test rows.

    `official`: the data set's own splits (`train`, optional `val`, `test`); where a source has no `val`, `val_fraction`
    of its training rows is held out, drawn at random, stratified by class.
    `all`: every row of the target is both unlabelled training data and test (the transductive protocol of Office-31
    and its followers); of the source, `val_fraction` is held out, stratified by class.
    `grouped`: groups (for emoji: code points) are cut into `folds`; the rows of fold `fold` are the test in the
    target and are absent from training in *every* domain. `val_fraction` is drawn by group too.
    """

    kind: Literal["official", "all", "grouped"] = "all"
    val_fraction: float = Field(default=0.1, ge=0, lt=1)
    folds: int = Field(default=3, ge=2)
    fold: int = Field(default=0, ge=0)
    seed: int = 0

    @model_validator(mode="after")
    def _check(self) -> SplitRule:
        if self.fold >= self.folds:
            raise ValueError(f"fold {self.fold} is not one of the {self.folds} folds 0..{self.folds - 1}")
        return self


class Protocol(Value):
    """What a method may see and when: `uda`, `sfda` (phase 2 without the source) or `uc` (targets never seen).

    `checkpoints` is the number of points, evenly spaced within the budget and the last at its end, at which a run saves
    what selection rules read.
    """

    id: Name
    version: int = Field(default=1, ge=1)
    setting: Setting
    phases: tuple[Phase, ...]
    split: SplitRule = SplitRule()
    steps: int = Field(default=300, ge=1)
    checkpoints: int = Field(default=1, ge=1)
    seeds: tuple[int, ...] = (0, 1, 2)
    summary: str = ""

    @model_validator(mode="after")
    def _check(self) -> Protocol:
        if abs(sum(p.share for p in self.phases) - 1.0) > 1e-9:
            raise ValueError(f"the phases of protocol '{self.id}' do not add up to the whole budget")
        if len({p.name for p in self.phases}) != len(self.phases):
            raise ValueError(f"protocol '{self.id}' names a phase twice")
        sees_target = any(p.target for p in self.phases)
        if self.setting == "uc" and sees_target:
            raise ValueError(f"protocol '{self.id}' is 'uc', where no phase may see a target")
        if self.setting == "sfda" and any(p.source and p.target for p in self.phases):
            raise ValueError(f"protocol '{self.id}' is 'sfda', where source and target are never seen together")
        if any(not (p.source or p.target) for p in self.phases):
            raise ValueError(f"a phase of protocol '{self.id}' sees nothing")
        self.phase_steps()
        if self.checkpoints > self.steps:
            raise ValueError(f"{self.steps} steps have no {self.checkpoints} checkpoints")
        return self

    def checkpoint_steps(self) -> tuple[int, ...]:
        """Return after how many steps of the whole budget there is a checkpoint; the last is `steps`."""
        return tuple(round(self.steps * number / self.checkpoints) for number in range(1, self.checkpoints + 1))

    def phase_steps(self) -> tuple[int, ...]:
        """Return the number of steps of each phase; they add up to `steps`, and no phase has none."""
        if self.steps < len(self.phases):
            raise ValueError(f"{self.steps} steps cannot be shared by {len(self.phases)} phases")
        bounds, seen = [0], 0.0
        for number, phase in enumerate(self.phases, start=1):
            seen += phase.share
            latest = self.steps - (len(self.phases) - number)
            bounds.append(min(max(round(self.steps * seen), bounds[-1] + 1), latest))
        return tuple(b - a for a, b in pairwise(bounds))
