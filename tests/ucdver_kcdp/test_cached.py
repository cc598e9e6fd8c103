"""Options of the method and of what is computed once for it: where they differ nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ucdver import ImageRecipe, SpecError
from ucdver.data.annotation_imports import Imports
from ucdver.data.annotations import Annotators
from ucdver.plugins import load_registry
from ucdver.testing.contract import ToyBench
from ucdver_kcdp.config import KCDPConfig
from ucdver_kcdp.method import KCDP
from ucdver_kcdp.small import KCDPSmall, KCDPSmallConfig


@pytest.mark.parametrize(
    ("options", "annotators", "said"),
    [
        (
            {"mode": "frozen", "normalisation": "imagenet_once"},
            {},
            "normalisation is 'imagenet_once', and in [annotator.kcdp_features]",
        ),
        ({"cached_latents": True, "latent": "unscaled"}, {}, "latent is 'unscaled', and in [annotator.kcdp_latents]"),
        ({"mode": "frozen", "size": 64}, {}, "size is 64"),
        ({"model": "/models/a"}, {}, "in [annotator.kcdp_knowledge], of which it reads, 'stable"),
        ({"mode": "frozen"}, {"kcdp_features": {"model": "/models/a"}}, "of which it reads, '/models/a'"),
        ({"preset": "faithful", "mode": "frozen"}, {}, ""),
        ({"preset": "faithful", "mode": "frozen"}, {"kcdp_features_released": {"latent": "scaled"}}, "latent is"),
        ({"mode": "frozen", "latent": "scaled_sample"}, {}, "latent is 'scaled_sample'"),
        ({"mode": "frozen"}, {}, ""),
        ({"cached_latents": True}, {}, ""),
        ({"text_encoder": "minilm"}, {}, ""),
        ({"text_encoder": "minilm", "text_model": "/models/a"}, {}, "text_model is '/models/a', and in"),
    ],
)
def test_what_was_computed_otherwise_than_the_options_say_is_refused(
    options: dict[str, Any], annotators: dict[str, dict[str, Any]], said: str
) -> None:
    registry, config = load_registry(), KCDPConfig(**options)
    found = Annotators(registry, annotators, ImageRecipe(), Imports(Path("nowhere")), fetch=False)
    read = {name: found.get(name).config for name in found.order(KCDP.needed_extras(config))}
    assert said in KCDP.extras_misfit(config, read)
    if not said:
        assert KCDP.extras_misfit(config, read) == ""


@pytest.mark.parametrize("mode", ["frozen", "lora"])
def test_the_small_models_caches_are_made_as_its_options_say(mode: str) -> None:
    config = KCDPSmallConfig(mode=mode, cached_latents=mode == "lora")  # type: ignore[arg-type]
    found = Annotators(load_registry(), {}, ImageRecipe(), Imports(Path("nowhere")), fetch=False)
    read = {name: found.get(name).config for name in found.order(KCDPSmall.needed_extras(config))}
    assert KCDPSmall.extras_misfit(config, read) == ""


def test_a_suite_in_which_they_differ_is_refused_when_it_is_planned(tmp_path: Path) -> None:
    options = {**KCDP.contract_options, "mode": "frozen", "normalisation": "imagenet_once"}
    with pytest.raises(
        SpecError, match=r"method 'kcdp': normalisation is 'imagenet_once', and in .*give both the same"
    ):
        ToyBench(tmp_path, "kcdp", "uda", options)
