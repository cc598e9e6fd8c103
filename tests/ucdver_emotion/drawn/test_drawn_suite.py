"""The suite on drawn faces: what it holds, what stands under its table, and that nothing real shares it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ucdver.data.catalog import Catalog
from ucdver.errors import SpecError
from ucdver.plugins import load_registry
from ucdver.report.leaderboard import build_leaderboard
from ucdver.runs.options import WorkerOptions
from ucdver.runs.plan import make_plan
from ucdver.runs.store import RunStore
from ucdver.runs.worker import execute
from ucdver.spec.protocol import Protocol
from ucdver.spec.suite import Suite
from ucdver.spec.suite_file import load_suite
from ucdver.spec.task import Task
from ucdver.train.loop import LoopOptions
from ucdver_emotion.drawn.knobs import KNOBS

STUDY = "drawn by the project, a controlled study"
MIXED = """
methods = ["source_only"]

[[task]]
id = "flat_flat"

[[task]]
id = "drawn"
sources = ["drawn:flat"]
targets = ["drawn:shaded"]
label_space = "ekman7"
"""


def test_every_knob_is_turned_from_one_base_and_the_title_says_what_it_is() -> None:
    suite = load_suite("drawn_shift", load_registry())
    assert STUDY in suite.title.lower()
    tasks = {task.id: task for task in suite.tasks}
    assert set(tasks) == {"base", *(f"{knob}_{level}" for knob in KNOBS for level in (1, 2, 3, 4))}
    for name, task in tasks.items():
        turned = "sources" if name.startswith("noise") else "targets"
        still = "targets" if turned == "sources" else "sources"
        assert getattr(task, still) == getattr(tasks["base"], still), name
        if name != "base":
            assert [d.name for d in getattr(task, turned)] == [f"{getattr(tasks['base'], turned)[0].name}_{name}"]


def test_drawn_faces_share_no_suite_with_real_pictures(tmp_path: Path) -> None:
    (tmp_path / "mixed.toml").write_text(MIXED)
    with pytest.raises(SpecError, match=r"mixed.toml:9: data set 'drawn' .* cannot share a suite with 'emoji'"):
        load_suite(str(tmp_path / "mixed.toml"), load_registry())


def test_a_run_on_noisy_targets_can_be_scored_by_soft_labels_and_the_table_says_what_it_is(tmp_path: Path) -> None:
    registry = load_registry()
    catalog = Catalog(registry, tmp_path / "home")
    root = tmp_path / "faces"
    root.mkdir()
    (root / "drawn.json").write_text('{"seed": 0, "images": 24}')
    catalog.add("drawn", root)
    whole = load_suite("drawn_shift", registry)
    tasks = [
        Task.model_validate({"id": name, "sources": ["drawn:flat"], "targets": [target], "label_space": "ekman7"})
        for name, target in (("clean", "drawn:shaded"), ("noisy", "drawn:shaded_noise_2"))
    ]
    protocol = Protocol.model_validate({**whole.protocol.model_dump(), "steps": 3})
    suite = Suite.model_validate(
        {**dict(whole), "protocol": protocol, "tasks": tasks, "methods": {"source_only": {}}, "seeds": (0,)}
    )
    plan = make_plan(suite, registry, catalog)
    options = WorkerOptions(runs=tmp_path / "runs", home=catalog.home, loop=LoopOptions(checkpoint_seconds=1e9))
    for spec in plan.runs:
        assert execute(spec, options, lambda done, total, losses: None).status == "done"
    store = RunStore(options.runs)
    store.write_plan(plan.remembered)
    board = build_leaderboard(store, registry, store.plan(), "intersection")
    assert [column.applicable for column in board.columns] == [False, True]
    assert any(note.startswith(f"drawn: {STUDY}") for note in board.footnotes)
