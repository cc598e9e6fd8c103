"""Each ablation of kcdp_small differs from it in one thing, and the suite that lists them can be planned."""

from __future__ import annotations

from typing import Any

import pytest

from ucdver.methods.config import method_class, resolve_config
from ucdver.plugins import load_registry
from ucdver_kcdp.small import KCDPSmall, KCDPSmallConfig

#: The probe of its captions is no KCDP at all.
PROBE = "kcdp_small_caption_probe"
VARIANTS = [s.name for s in load_registry().methods if s.name.startswith("kcdp_small") and s.name != PROBE]


@pytest.mark.parametrize("name", VARIANTS)
def test_an_ablation_differs_in_one_thing(name: str) -> None:
    base = KCDPSmallConfig(mode="lora").model_dump()
    own = resolve_config(load_registry(), name, {"mode": "lora"} if name == "kcdp_small" else {}).model_dump()
    changed = {key: value for key, value in own.items() if value != base[key]}
    expected: dict[str, dict[str, Any]] = {
        "kcdp_small": {},
        "kcdp_small_no_knowledge": {"knowledge": "none"},
        "kcdp_small_no_lora": {"mode": "frozen", "cached": False},
        "kcdp_small_no_moe": {"head": "linear"},
        "kcdp_small_no_cliea": {"alignment": "none"},
        "kcdp_small_no_counterfactuals": {"counterfactuals": False},
        "kcdp_small_caption_only": {"knowledge": "caption"},
        "kcdp_small_triples_only": {"knowledge": "triples"},
    }
    assert changed == expected[name]
    assert issubclass(method_class(load_registry(), name), KCDPSmall)
