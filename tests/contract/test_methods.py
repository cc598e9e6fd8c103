"""Every registered method, in every setting that it supports, through the same code as a bench."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from support.tiny_bert import write_bert
from support.tiny_clip import clip_options

from ucdver.methods.config import method_class
from ucdver.plugins import load_registry
from ucdver.testing.contract import Annotators, ToyBench, check_label_barrier, check_reproducible

REGISTRY = load_registry()
CASES = [(spec.name, setting) for spec in REGISTRY.methods for setting in spec.settings]


def is_variant(name: str) -> bool:
    """Whether a method is another one with other defaults: no line of code and no option of its own."""
    found = method_class(REGISTRY, name)
    own = {attribute for attribute in vars(found) if not attribute.startswith("__")}
    for spec in REGISTRY.methods:
        other = method_class(REGISTRY, spec.name)
        if other is found.__bases__[0] and not REGISTRY.methods.get(name).oracle:
            return own <= {"Config"} and set(found.Config.model_fields) == set(other.Config.model_fields)
    return False


#: The barrier is proven for every method and setting; the rest of the contract needs no proof for each set of defaults.
DISTINCT = [case for case in CASES if not is_variant(case[0])]


@pytest.fixture(scope="session")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that keeps what annotators computed, from test to test."""
    return tmp_path_factory.mktemp("computed")


@pytest.fixture
def folder(tmp_path: Path, computed: Path) -> Path:
    """Return a folder for toy benches, whose annotations were perhaps computed before.

    An annotator's values are kept by image. Those made beside shuffled labels are kept apart, so that a test of the
    barrier has none from the other side; test_annotators.py proves that labels do not move them.
    """
    for name, kept in (("", "plain"), ("plain", "plain"), ("shuffled", "shuffled")):
        home = tmp_path / name / "home"
        home.mkdir(parents=True)
        (computed / kept).mkdir(exist_ok=True)
        (home / "annotations").symlink_to(computed / kept, target_is_directory=True)
    return tmp_path


def annotators(name: str, folder: Path) -> Annotators:
    """Return what a method's annotators are told here, where no weights can be fetched: a BERT that is written now."""
    method = method_class(REGISTRY, name)
    if "bert_tokens" not in method.needed_extras(method.Config()):
        return {}
    return {"bert_tokens": {"model": str(write_bert(folder / "bert")), "length": 6}}


def config(name: str, folder: Path) -> Mapping[str, Any] | None:
    """Return a method's options here: a CLIP that is written now for those built on one, else what they name."""
    return clip_options(method_class(REGISTRY, name), folder)


@pytest.mark.parametrize(("name", "setting"), DISTINCT)
def test_a_run_depends_on_its_seed_alone_stopped_or_not_and_an_image_on_no_other(
    folder: Path, name: str, setting: str
) -> None:
    check_reproducible(folder, name, setting, config(name, folder), annotators=annotators(name, folder))


@pytest.mark.parametrize(("name", "setting"), CASES)
def test_shuffling_the_targets_labels_moves_nothing(folder: Path, name: str, setting: str) -> None:
    check_label_barrier(folder, name, setting, config(name, folder), annotators=annotators(name, folder))


@pytest.mark.parametrize(("name", "setting"), [c for c in DISTINCT if not REGISTRY.methods.get(c[0]).oracle])
def test_where_labels_are_thrown_by_dice_no_method_is_better_than_chance(folder: Path, name: str, setting: str) -> None:
    """Sixty images, three classes: chance is a third, and five standard errors are .30 above it."""
    given, options = annotators(name, folder), config(name, folder)
    trained = ToyBench(folder, name, setting, options, target="unrelated", annotators=given).train(steps=60)
    found = trained.predictions.select("target_test")
    accuracy = float(np.mean(found.logits.argmax(axis=1) == found.labels))
    assert accuracy < 1 / 3 + 0.30


@pytest.mark.parametrize("name", [spec.name for spec in REGISTRY.methods if spec.oracle])
def test_an_oracle_is_better_than_chance_even_there(folder: Path, name: str) -> None:
    """The counterpart: with the labels in hand dice can be learnt by heart, or the test above proves little."""
    trained = ToyBench(folder, name, "uda", target="unrelated").train(steps=300)
    found = trained.predictions.select("target_test")
    assert float(np.mean(found.logits.argmax(axis=1) == found.labels)) > 1 / 3 + 0.30


@pytest.mark.parametrize("name", [spec.name for spec in REGISTRY.methods])
def test_every_value_of_an_option_can_be_written(name: str) -> None:
    """TOML and --set have no null, so None is a default or no value at all."""
    config = method_class(REGISTRY, name).Config
    assert [
        option
        for option, field in config.model_fields.items()
        if field.default is not None and type(None) in get_args(field.annotation)
    ] == []
