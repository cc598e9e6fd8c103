"""Runs whose annotations belong to the sources of their task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.small_suite import SUITE

from ucdver import SpecError
from ucdver.data.annotation_cache import open_annotations
from ucdver.data.images import open_images
from ucdver.plugins import reset
from ucdver.runs.bench import Bench
from ucdver.spec.run import RunSpec

LOCAL = '''\
import torch
from torch.nn.functional import cross_entropy
from ucdver import Annotator, AnnotatorSpec, Method, MethodSpec, hookimpl


class Light(Annotator):
    """How much brighter a picture is than the sources."""

    batch_size = 16

    @classmethod
    def source_reads(cls, config):
        return ("image",)

    def see_sources(self, batches):
        seen = torch.cat([torch.stack([item.image for item in batch]) for batch in batches])
        self.light = seen.double().mean()

    def annotate(self, items):
        return torch.stack([(item.image.double().mean() - self.light).float() for item in items])


class Lit(Method):
    @classmethod
    def needed_extras(cls, config):
        return ("light",)

    def step(self, batch, progress):
        logits = self(batch.sources.images) + batch.sources.extras["light"][:, None]
        return {"total": cross_entropy(logits, batch.sources.labels)}


@hookimpl
def ucdver_annotators():
    return [
        AnnotatorSpec(
            name="light", version="1", target="ucdver_local:Light", kind="tensor", reads=("image",), summary="a test"
        )
    ]


@hookimpl
def ucdver_methods():
    return [
        MethodSpec(name="lit", version="1", target="ucdver_local:Lit", settings=("uda", "sfda"), summary="a test")
    ]
'''

TASKS = (
    SUITE.replace('"source_only", "target_only"', '"lit"').replace("seeds = 2", "seeds = 1")
    + """
[[task]]
id = "two"
sources = ["toy:unrelated"]
targets = ["toy:outline"]
label_space = "toy3"
"""
)


@pytest.fixture
def bench(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    (tmp_path / "ucdver_local.py").write_text(LOCAL)
    (tmp_path / "mine.toml").write_text(TASKS)
    monkeypatch.chdir(tmp_path)
    reset()
    return Bench(tmp_path / "runs", "mine.toml", "always")


def light(bench: Bench, spec: RunSpec, domain: str) -> float:
    (found,) = [d for d in (*spec.task.sources, *spec.task.targets) if str(d) == domain]
    store = open_images(bench.catalog, bench.registry, found, spec.recipe.image)
    return float(store.array.astype(np.float64).mean())


def test_each_task_opens_what_was_made_of_its_own_sources(bench: Bench) -> None:
    assert bench.prepare(lambda what, done, total: None) == []
    bench.carry_out(lambda event: None, executor="local")
    assert [bench.outcome(item) for item in bench.scheduled] == ["done", "done"]
    first, second = (item.spec for item in bench.scheduled)
    assert first.annotations["light"] != second.annotations["light"]
    for spec in (first, second):
        (source,), (target,) = spec.task.sources, spec.task.targets
        given = open_annotations(bench.catalog.home, spec, "light", target)
        wanted = light(bench, spec, str(target)) - light(bench, spec, str(source))
        assert given.mean() == pytest.approx(wanted, abs=1e-3) and abs(wanted) > 0.1


def test_a_source_free_protocol_refuses_them(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "free.toml").write_text(TASKS.replace('name = "small"', 'name = "small"\nprotocol = "sfda"'))
    free = Bench(tmp_path / "runs", "free.toml", "always")
    with pytest.raises(SpecError, match="shown the source images of a task: a source-free protocol keeps them"):
        free.plan()
