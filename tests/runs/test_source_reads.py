"""Runs whose annotations belong to the sources of their task."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.small_suite import SUITE

from ucdver.data.annotation_cache import open_annotations
from ucdver.data.annotation_imports import Imports
from ucdver.data.images import open_images
from ucdver.data.shown import shown_sources
from ucdver.plugins import reset
from ucdver.runs.bench import Bench

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


def test_each_task_opens_what_was_made_of_its_own_sources(bench: Bench) -> None:
    assert bench.prepare(lambda what, done, total: None) == []
    bench.carry_out(lambda event: None, executor="local")
    assert [bench.outcome(item) for item in bench.scheduled] == ["done", "done"]
    first, second = (item.spec for item in bench.scheduled)
    assert first.annotations["light"] != second.annotations["light"]
    for spec in (first, second):
        (source,), (target,) = spec.task.sources, spec.task.targets
        given = open_annotations(bench.catalog.home, spec, "light", target)
        arrays = [open_images(bench.catalog, bench.registry, d, spec.recipe.image).array for d in (source, target)]
        # Of the source, the images of training.
        (shown,) = shown_sources(spec.task, spec.protocol.split, bench.catalog, bench.registry)
        assert 0 < len(shown.rows) < len(arrays[0])
        wanted = arrays[1].mean(dtype=np.float64) - arrays[0][list(shown.rows)].mean(dtype=np.float64)
        assert given.mean() == pytest.approx(wanted, abs=1e-3) and abs(wanted) > 0.1


def test_a_source_free_protocol_keeps_them_away(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "free.toml").write_text(TASKS.replace('name = "small"', 'name = "small"\nprotocol = "sfda"'))
    entries = Bench(tmp_path / "runs", "free.toml", "always").plan().remembered.entries
    assert {entry.status for entry in entries} == {"not_applicable"}
    assert entries[0].reason == "lit reads light, made of the sources' images, which a source-free protocol keeps away"


def test_captions_are_retrieved_where_only_the_source_has_texts(bench: Bench, tmp_path: Path) -> None:
    """KCDP's own annotator, from texts of the source alone to a finished run."""
    one = TASKS[: TASKS.rindex("[[task]]")].replace('"lit"', '"kcdp_small_caption_probe"')
    (tmp_path / "told.toml").write_text(one + '[annotator.kcdp_small_caption]\nbank = "sources"\ntop = 1\n')
    told = Bench(tmp_path / "runs", "told.toml", "always")
    rows = told.catalog.ensure("toy").rows("filled")
    Imports(told.catalog.home).write("text", "toy", {row.id: f"a {row.labels['toy3']} on paper" for row in rows})
    assert told.prepare(lambda what, done, total: None) == []
    told.carry_out(lambda event: None, executor="local")
    assert [told.outcome(item) for item in told.scheduled] == ["done"]
    captions = next((told.catalog.home / "annotations").glob("kcdp_small_caption-*/domains/*.jsonl"))
    found = {json.loads(line) for line in captions.read_text().splitlines()}
    assert found <= {"a disc on paper.", "a bar on paper.", "a cross on paper."} and found
