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
