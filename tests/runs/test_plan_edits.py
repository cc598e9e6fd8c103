"""Code beside a suite is part of what its runs are known by, as its weights are: whoever edits them gets other keys."""

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import save_file
from support.local_backbone import backbone_source
from support.small_suite import SUITE

from ucdver.backbones import convnet
from ucdver.data.catalog import Catalog
from ucdver.data.drawing import drawing_sha256
from ucdver.errors import WeightsError
from ucdver.plugins import load_registry, reset
from ucdver.runs.backbone import feature_key
from ucdver.runs.options import WorkerOptions
from ucdver.runs.plan import Plan, make_plan
from ucdver.runs.prepare import Preparation
from ucdver.runs.restrict import restrict
from ucdver.runs.worker import execute
from ucdver.spec.suite_file import load_suite

LOCAL = """\
from ucdver import Method, MethodSpec, hookimpl


class Mine(Method):
    def step(self, batch, progress):
        return {"total": self(batch.sources.images).square().mean() * 1}


@hookimpl
def ucdver_methods():
    return [MethodSpec(name="mine", version="1", target="ucdver_local:Mine", settings=("uda",), summary="mine")]
"""


def test_an_edit_of_a_local_method_moves_its_key(tmp_path: Path, home: Path) -> None:
    keys = []
    for text in (LOCAL, LOCAL.replace("* 1", "* 2"), LOCAL):
        (tmp_path / "ucdver_local.py").write_text(text)
        reset()
        registry = load_registry(tmp_path)
        (tmp_path / "small.toml").write_text(SUITE)
        cut = restrict(load_suite(str(tmp_path / "small.toml"), registry), registry, methods=("mine",))
        keys.append(make_plan(cut, registry, Catalog(registry, home)).runs[0].key())
    assert keys[0] != keys[1]
    assert keys[0] == keys[2]


EDITED = backbone_source("mine")


def test_an_edited_backbone_is_another_run_with_other_features(tmp_path: Path, home: Path) -> None:
    keys = []
    for text in (EDITED, EDITED, f"{EDITED}# an edit\n"):
        (tmp_path / "ucdver_local.py").write_text(text)
        (tmp_path / "small.toml").write_text(SUITE.replace("convnet_s@none", "mine@none"))
        reset()
        registry = load_registry(tmp_path)
        made = make_plan(load_suite(str(tmp_path / "small.toml"), registry), registry, Catalog(registry, home))
        keys.append((made.runs[0].key(), feature_key(made.runs[0])))
    assert keys[0] == keys[1]
    assert keys[0][0] != keys[2][0] and keys[0][1] != keys[2][1]


DRAWN = """\
from ucdver import DatasetSpec, hookimpl
from ucdver.testing.toys import read


def load(root):
    raise NotImplementedError


@hookimpl
def ucdver_datasets():
    words = {"summary": "drawn here", "licence": "none", "obtain": "draw it"}
    return [DatasetSpec(name="drawn_here", version="1", reader="ucdver_local:read", loader="ucdver_local:load",
                        domains=("x",), label_spaces=("toy3",), **words)]
"""


def test_an_edited_loader_draws_other_pictures(tmp_path: Path, home: Path) -> None:
    drawings = []
    for text in (DRAWN, DRAWN, f"{DRAWN}# an edit\n"):
        (tmp_path / "ucdver_local.py").write_text(text)
        reset()
        drawings.append(drawing_sha256(load_registry(tmp_path).datasets.get("drawn_here")))
    assert drawings[0] == drawings[1] != drawings[2]


@pytest.mark.parametrize(
    "made",
    [
        "load = functools.cache(load)",
        "load = torch.no_grad()(load)",
        "load = functools.partial(functools.cache(load))",
        "load = operator.attrgetter('name')",
        "class Loader:\n    def __call__(self, root):\n        return None\nload = Loader()",
    ],
)
def test_an_edit_is_seen_through_whatever_stands_around_a_loader(tmp_path: Path, home: Path, made: str) -> None:
    drawings = []
    for text in (DRAWN, f"{DRAWN}# an edit\n"):
        (tmp_path / "ucdver_local.py").write_text(f"import functools, operator, torch\n{text}\n{made}\n")
        reset()
        drawings.append(drawing_sha256(load_registry(tmp_path).datasets.get("drawn_here")))
    assert drawings[0] != drawings[1]


def test_weights_that_were_replaced_since_the_plan_are_not_trained_with(
    tmp_path: Path, home: Path, plan: Callable[..., Plan]
) -> None:
    weights = tmp_path / "w.safetensors"

    def save(factor: float) -> None:
        state = convnet.build("convnet_s", None, 3).body.state_dict()
        save_file({name: value * factor for name, value in state.items()}, weights)

    save(1)
    suite = SUITE.replace('convnet_s@none"', f'convnet_s@{weights}"\nfrozen = true')
    planned = plan(suite)
    save(2)
    options = WorkerOptions(runs=tmp_path / "runs", home=home)
    record = execute(planned.runs[0], options, lambda a, b, c: None)
    assert record.status == "failed"
    assert f"'{weights}' changed since the run was planned; plan again" in record.reason
    with pytest.raises(WeightsError, match="changed since the run was planned"):
        Preparation(
            planned.runs, Catalog(planned.annotators.registry, home), planned.annotators, "cpu", lambda a, b, c: None
        ).carry_out()
    assert not list((home / "features").glob("*.npy"))
    again = plan(suite)
    assert again.runs[0].key() != planned.runs[0].key()
    assert execute(again.runs[0], options, lambda a, b, c: None).status == "done"
