"""Every method of the package through the real loop: it trains, stops and goes on, and names what it reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.tiny_runs import SMALL, STEPS, make, pictures, prepared, train

from ucdver import Method
from ucdver.registry import load_target
from ucdver_uda.methods import methods

SPECS = methods()
NAMES = [spec.name for spec in SPECS]


def kind(name: str) -> tuple[type[Method], str]:
    spec = SPECS[NAMES.index(name)]
    return load_target(spec.target, name), spec.settings[0]  # type: ignore[return-value]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stop_at", [3, 9])
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path, name: str, stop_at: int) -> None:
    cls, setting = kind(name)
    config = SMALL.get(name, {})
    whole = train(cls, setting, tmp_path / "whole", config).state_dict()
    train(cls, setting, tmp_path / "cut", config, stop_at=stop_at)
    resumed = train(cls, setting, tmp_path / "cut", config).state_dict()
    assert whole.keys() == resumed.keys()
    assert [key for key in whole if not torch.equal(whole[key], resumed[key])] == []


@pytest.mark.parametrize("name", NAMES)
def test_training_moves_the_network_and_predictions_do_not_depend_on_the_batch(tmp_path: Path, name: str) -> None:
    cls, setting = kind(name)
    config = SMALL.get(name, {})
    before, method = make(cls, setting, config), train(cls, setting, tmp_path / "run", config)
    assert any(not torch.equal(a, b) for a, b in zip(before.parameters(), method.parameters(), strict=True))
    images = pictures("uda").source_train.images.float() / 255
    method.eval()
    with torch.inference_mode():
        together = method.predict(images, {})
        apart = torch.cat([method.predict(part, {}).logits for part in images.split(3)])
    assert together.logits.shape == (len(images), 3) and together.features.shape == (len(images), 8)
    assert torch.isfinite(together.logits).all()
    torch.testing.assert_close(together.logits, apart, rtol=1e-4, atol=1e-5)


def test_no_more_than_a_third_makes_updates_of_its_own() -> None:
    manual = [name for name in NAMES if kind(name)[0].manual_optimisation]
    assert len(manual) <= len(NAMES) / 3


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_trains(tmp_path: Path, name: str) -> None:
    """One step under autocast, as the loop makes it, has finite losses."""
    cls, setting = kind(name)
    if cls.manual_optimisation:
        return
    method, batch = prepared(cls, setting, SMALL.get(name, {}), STEPS - 1, torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        losses = method.step(batch, 0.9)
    losses["total"].backward()
    assert all(torch.isfinite(value) and value.ndim == 0 for value in losses.values())
