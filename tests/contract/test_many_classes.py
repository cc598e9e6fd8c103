"""A label space of 25 classes, as fine-grained emotion sets have: every registered method runs with it unchanged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.tiny_clip import clip_options

from ucdver.data.catalog import Catalog
from ucdver.errors import WeightsError
from ucdver.methods.config import method_class
from ucdver.plugins import load_registry
from ucdver.runs.options import WorkerOptions
from ucdver.runs.plan import make_plan
from ucdver.runs.prepare import Preparation
from ucdver.runs.store import RunStore
from ucdver.runs.worker import execute
from ucdver.spec.protocol import Protocol
from ucdver.spec.recipe import ImageRecipe, OptimRecipe, Recipe
from ucdver.spec.suite import Suite
from ucdver.spec.task import Task
from ucdver.train.loop import LoopOptions

CLASSES = 25
PLUGIN = """
import numpy as np
from PIL import Image

import ucdver

CLASSES = tuple(f"feeling{k:02d}" for k in range(25))
COARSE = {name: f"mood{k // 5}" for k, name in enumerate(CLASSES)}


@ucdver.hookimpl
def ucdver_label_spaces():
    return [ucdver.LabelSpace(name="fine25", classes=CLASSES, levels={"mood5": COARSE})]


@ucdver.hookimpl
def ucdver_datasets():
    return [
        ucdver.DatasetSpec(
            name="fine", version="1", reader="ucdver_local:read", fetch="ucdver_local:fetch", domains=("plain", "dark"),
            label_spaces=("fine25",), summary="squares in a place of their own", licence="CC0", obtain="fetch it",
        )
    ]


def fetch(root):
    rng = np.random.Generator(np.random.Philox(25))
    for domain in ("plain", "dark"):
        (root / domain).mkdir()
        for number in range(50):
            pixels = rng.integers(0, 60, (16, 16, 3), dtype=np.uint8)
            row, column = divmod(number % 25, 5)
            pixels[3 * row : 3 * row + 4, 3 * column : 3 * column + 4] = 250 if domain == "plain" else 160
            Image.fromarray(pixels).save(root / domain / f"{number:02d}.png")


def read(root):
    for domain in ("plain", "dark"):
        for number in range(50):
            name = f"{domain}/{number:02d}"
            yield ucdver.Row(name, f"{name}.png", domain, {"fine25": CLASSES[number % 25]}, group=name)
"""
METHODS = [spec.name for spec in load_registry().methods if "uda" in spec.settings]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Catalog]:
    """Write the plugin and fetch its data once for all methods."""
    folder = tmp_path_factory.mktemp("fine")
    (folder / "ucdver_local.py").write_text(PLUGIN)
    catalog = Catalog(load_registry(folder), folder / "home")
    catalog.fetch("fine")
    return folder, catalog


@pytest.mark.parametrize("method", METHODS)
def test_a_method_runs_with_25_classes(bench: tuple[Path, Catalog], method: str) -> None:
    folder, catalog = bench
    registry = catalog.registry
    protocol = Protocol.model_validate({**registry.protocols.get("uda").model_dump(), "steps": 4})
    task = Task.model_validate(
        {"id": "fine", "sources": ["fine:plain"], "targets": ["fine:dark"], "label_space": "fine25"}
    )
    # A method that names its backbones runs on the first of them, at the size that the little pyramids take.
    own = registry.methods.get(method).backbones
    recipe = Recipe(
        backbone=f"{own[0] if own else 'convnet_s'}@none",
        image=ImageRecipe(size=24 if own else 16),
        optim=OptimRecipe(lr=0.01),
        batch_size=8,
        bottleneck=16,
    )
    made = method_class(registry, method)
    options = clip_options(made, folder)
    suite = Suite(
        name="fine",
        protocol=protocol,
        tasks=(task,),
        methods={method: dict(made.contract_options) if options is None else options},
        recipe=recipe,
        seeds=(0,),
        annotators={name: dict(own) for name, own in made.contract_annotators.items()},
    )
    try:
        planned = make_plan(suite, registry, catalog)
    except WeightsError as error:
        pytest.skip(f"it lacks weights that only a hub has: {error}")
    if not planned.runs:
        pytest.skip(f"this suite lacks what the method needs: {planned.remembered.entries[0].reason}")
    spec = planned.runs[0]
    assert not Preparation([spec], catalog, planned.annotators, "cpu", lambda what, done, total: None).carry_out()
    working = WorkerOptions(
        runs=folder / "runs", home=catalog.home, local=folder, loop=LoopOptions(checkpoint_seconds=1e9)
    )
    record = execute(spec, working, lambda done, total, losses: None)
    assert record.status == "done", f"{record.reason}\n{record.traceback}"
    found = RunStore(working.runs).predictions(spec.key()).select("target_test")
    assert found.logits.shape == (50, CLASSES)
    assert np.isfinite(found.logits).all()
    assert sorted(set(found.labels.tolist())) == list(range(CLASSES))
