"""A method that says that it reads the source alone is spared the target, and not a bit of what it gives moves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from support.tiny_bert import write_bert
from support.tiny_runs import make, pictures, run_spec
from torch import Tensor

from ucdver import AugmentRecipe, Method
from ucdver.data.augment import Augment
from ucdver.errors import SpecError
from ucdver.methods.config import method_class
from ucdver.plugins import load_registry
from ucdver.runs import attempt
from ucdver.seeds import scoped_seed
from ucdver.testing.contract import ToyBench, same
from ucdver.train.loop import Loop, LoopOptions

REGISTRY = load_registry()
SPARED = [spec for spec in REGISTRY.methods if not spec.reads_target]
#: All of it is drawn before a method's own draws, noise included.
AUGMENT = AugmentRecipe(flip=0.5, rotate=10.0, brightness=0.3, erase=0.3, noise=0.1)


def shown_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every run see what its phases show, whatever its method says."""

    def loop(*arguments: object) -> Loop:
        *most, reads_target = arguments
        assert reads_target is False
        return Loop(*most, True)  # type: ignore[arg-type]

    monkeypatch.setattr(attempt, "Loop", loop)


def toy(folder: Path, name: str) -> ToyBench:
    """Return a bench that augments, and drops out before the head, so that draws that went astray would show."""
    method = method_class(REGISTRY, name)
    text = "bert_tokens" in method.needed_extras(method.Config())
    given = {"bert_tokens": {"model": str(write_bert(folder / "bert")), "length": 6}} if text else {}
    bench = ToyBench(folder, name, "uda", annotators=given)
    recipe = bench.suite.recipe.model_copy(update={"augment": AUGMENT, "dropout": 0.5})
    bench.suite = bench.suite.model_copy(update={"recipe": recipe})
    return bench


@pytest.mark.parametrize("name", [spec.name for spec in SPARED if "uda" in spec.settings])
def test_a_run_is_bit_identical_to_one_that_is_shown_the_target(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = toy(tmp_path, name)
    spared = bench.train("spared")
    shown_all(monkeypatch)
    assert same(spared, bench.train("shown")) == []


def trained(kind: type[Method], folder: Path, reads_target: bool) -> Mapping[str, Tensor]:
    """Train under `uda`, whatever settings the method names, and return what it ends with."""
    folder.mkdir()
    spec = run_spec("uda")
    spec = spec.model_copy(update={"recipe": spec.recipe.model_copy(update={"augment": AUGMENT})})
    with scoped_seed("test"):
        method = make(kind, "uda", {})
        options = LoopOptions(checkpoint_seconds=1e9)
        loop = Loop(spec, method, pictures("uda"), torch.device("cpu"), folder, options, reads_target)
        loop.run(lambda done, total, losses: None)
    return method.state_dict()


@pytest.mark.parametrize("name", [spec.name for spec in SPARED if "uda" not in spec.settings])
def test_methods_that_are_never_shown_a_target_would_not_read_one(tmp_path: Path, name: str) -> None:
    kind = method_class(REGISTRY, name)
    spared, shown = (trained(kind, tmp_path / str(reads), reads) for reads in (False, True))
    assert [key for key in spared if not torch.equal(spared[key], shown[key])] == []


def test_it_is_the_draws_made_for_nothing_that_keep_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = toy(tmp_path, "source_only")
    spared = bench.train("spared")
    monkeypatch.setattr(Augment, "pass_over", lambda self, shape: None)
    assert same(spared, bench.train("astray"))


def test_a_method_that_reads_the_target_after_all_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"shows no target images; .* whose spec says reads_target=False is shown none"):
        trained(method_class(REGISTRY, "dann"), tmp_path / "run", False)
