"""What a user is told of a method of their own that has a bug."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Ucdver

PLUGIN = """\
import torch
import ucdver


class Raising(ucdver.Method):
    def step(self, batch, progress):
        return {"total": self(batch.sources.images) @ torch.ones(7)}


class Trained(ucdver.Method):
    def step(self, batch, progress):
        return {"total": torch.nn.functional.cross_entropy(self(batch.sources.images), batch.sources.labels)}


class Overflowing(Trained):
    def predict(self, images, extras):
        found = super().predict(images, extras)
        return ucdver.Prediction(found.features, found.logits * float("nan"))


class Narrow(Trained):
    def predict(self, images, extras):
        found = super().predict(images, extras)
        return ucdver.Prediction(found.features, found.logits[:, :2])


class Short(Trained):
    def predict(self, images, extras):
        found = super().predict(images, extras)
        return ucdver.Prediction(found.features, found.logits[:1])


@ucdver.hookimpl
def ucdver_methods():
    kinds = {"raising": Raising, "overflowing": Overflowing, "narrow": Narrow, "short": Short}
    return [
        ucdver.MethodSpec(
            name=name, version="1", target=f"ucdver_local:{kind.__name__}", settings=("uda",), summary=name
        )
        for name, kind in kinds.items()
    ]
"""


@pytest.fixture
def faulty(ucdver: Ucdver, suite: Path) -> Ucdver:
    Path("ucdver_local.py").write_text(PLUGIN)
    suite.write_text(suite.read_text().replace("steps = 6", "steps = 2"))
    return ucdver


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("overflowing", "Overflowing.predict gives logits that are not finite"),
        ("narrow", "Narrow.predict gives logits of shape ("),
        ("short", "Short.predict gives logits of shape (1, 3), not ("),
    ],
)
def test_a_run_whose_predictions_cannot_be_has_failed(faulty: Ucdver, method: str, says: str) -> None:
    done = faulty("bench", "small.toml", "-m", "source_only", "-m", method, "-j", "1")
    assert done.code == 1 and "1 done, 1 failed" in done.err
    assert f"FAILED {method} on one, seed 0: {says}" in done.err
    again = faulty("bench", "small.toml", "-m", method, "-j", "1", "--rerun", "failed")
    assert again.code == 1 and "FAILED" in again.err
    # The sound run is published all the same.
    assert "wrote 2 runs" in faulty("runs", "export", "two.zip").err
    assert "2 runs came in" in faulty("runs", "import", "two.zip", "--runs", "other").err


def test_an_error_of_the_method_says_in_which_line_it_is(faulty: Ucdver, monkeypatch: pytest.MonkeyPatch) -> None:
    line = 1 + PLUGIN.splitlines().index('        return {"total": self(batch.sources.images) @ torch.ones(7)}')
    done = faulty("bench", "small.toml", "-m", "raising", "-j", "1")
    assert done.code == 1 and f"(ucdver_local.py:{line})" in done.err and "Traceback" not in done.err
    assert "tracebacks are in their record.json" in done.err
    (record,) = Path("runs").glob("??/*/record.json")
    assert "in step" in json.loads(record.read_text())["traceback"]
    monkeypatch.setenv("UCDVER_TRACEBACK", "1")
    again = faulty("bench", "small.toml", "-m", "raising", "-j", "1", "--rerun", "failed")
    assert "Traceback (most recent call last)" in again.err and "in step" in again.err


PLANNED = """\
import ucdver
from pydantic import model_validator


class Config(ucdver.MethodConfig):
    a: int = 1
    b: int = 2

    @model_validator(mode="after")
    def _check(self):
        if self.a == 0:
            raise KeyError("zero")
        if self.a > self.b:
            raise ValueError("a is more than b")
        return self


class Mine(ucdver.Method):
    Config = Config

    def step(self, batch, progress):
        raise NotImplementedError


class Extras(Mine):
    @classmethod
    def needed_extras(cls, config):
        return 1 / 0


class Weights(Mine):
    @classmethod
    def weights_sha256(cls, config, *, fetch):
        return 1 / 0


class Nothing(Mine):
    @classmethod
    def weights_sha256(cls, config, *, fetch):
        pass


def unfit(task, recipe):
    return 1 / 0


@ucdver.hookimpl
def ucdver_methods():
    words = dict(version="1", settings=("uda",), summary="faulty")
    found = [("mine", "Mine"), ("extras", "Extras"), ("weights", "Weights"), ("nothing", "Nothing")]
    specs = [ucdver.MethodSpec(name=name, target=f"ucdver_local:{kind}", **words) for name, kind in found]
    return [*specs, ucdver.MethodSpec(name="unfit", target="ucdver_local:Mine", unfit="ucdver_local:unfit", **words)]
"""


@pytest.mark.parametrize(
    ("method", "options", "says"),
    [
        ("mine", ("--set", "mine.a=0"), "method 'mine': its Config raised KeyError: 'zero'"),
        ("mine", ("--set", "mine.a=3"), "method 'mine': a is more than b"),
        ("extras", (), "method 'extras', needed_extras raised ZeroDivisionError: division by zero"),
        ("weights", (), "method 'weights', weights_sha256 raised ZeroDivisionError: division by zero"),
        ("nothing", (), "method 'nothing', weights_sha256 must return a text, not None"),
        ("unfit", (), "method 'unfit', unfit raised ZeroDivisionError: division by zero"),
    ],
)
def test_what_a_method_does_wrong_when_runs_are_planned_is_told_in_a_line(
    ucdver: Ucdver, suite: Path, method: str, options: tuple[str, ...], says: str
) -> None:
    Path("ucdver_local.py").write_text(PLANNED)
    done = ucdver("bench", "small.toml", "-m", method, *options)
    assert done.code == 2 and done.err.splitlines()[-1].startswith(f"error: {says}")
