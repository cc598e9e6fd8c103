"""No step waits for the device: every one runs on torch's meta device, from which nothing can be read back.

SWAD's last step is left out: it reads once a run whether there is a valley.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.meta_device import NoDecomposition, batch_on_meta, step_on_meta
from support.tiny_runs import PHASES, SMALL, STEPS, make, pictures

from ucdver import Method, Prediction, Views
from ucdver.data.feeder import Feeder
from ucdver.registry import load_target
from ucdver_uda.methods import methods

SPECS = {spec.name: spec for spec in methods()}
#: As SMALL, for branches that the defaults do not take.
OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("cdan", {"hidden": 8, "entropy": "joint"}),
    ("cdan", {"hidden": 8, "entropy": "per_domain"}),
    ("dan", {"estimator": "quadratic"}),
    ("jan", {"adversarial": True}),
    ("bsp", {"hidden": 8, "largest": 3}),
    ("ssrt", {"hidden": 8, "safe": False}),
    ("shot", {"prior": "source"}),
    ("mixstyle", {"probability": 1.0}),
]


def views_on_meta() -> Views:
    prediction = Prediction(torch.empty(20, 8, device="meta"), torch.empty(20, 3, device="meta"))
    return Views(None, None, prediction)


def run(name: str, config: dict[str, Any], step: int) -> None:
    cls: type[Method] = load_target(SPECS[name].target, name)
    setting = SPECS[name].settings[0]
    phase = PHASES[setting][-1]
    method = make(cls, setting, config)
    method.start_phase(phase.name)
    batch = Feeder(pictures(setting), 6, 0, None, "cpu").batch(phase, step, STEPS, step)
    if method.wants_views and setting != "uc":
        method.to("meta").on_epoch(views_on_meta(), 0)
    if not method.manual_optimisation:
        step_on_meta(method, batch, 0.5)
        return
    method = method.to("meta").train()
    with NoDecomposition():
        losses = method.manual_step(batch_on_meta(batch), 0.5, torch.optim.SGD(method.parameters(), lr=0.1))
    assert all(value.device.type == "meta" and value.ndim == 0 for value in losses.values())


@pytest.mark.parametrize("step", [0, STEPS // 2, STEPS - 2])
@pytest.mark.parametrize("name", SPECS)
def test_no_step_reads_anything_back(name: str, step: int) -> None:
    run(name, SMALL.get(name, {}), step)


@pytest.mark.parametrize(("name", "config"), OTHERS)
def test_nor_does_one_with_other_options(name: str, config: dict[str, Any]) -> None:
    run(name, config, STEPS - 2)


def test_a_step_that_reads_something_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    import ucdver_uda.mcc

    plain = ucdver_uda.mcc.mcc_loss
    for peek in (
        lambda logits: float(logits.sum()),
        lambda logits: logits[logits.sum(1) > 0],
        lambda logits: torch.linalg.svdvals(logits),
    ):
        monkeypatch.setattr(ucdver_uda.mcc, "mcc_loss", lambda z, t, peek=peek: (peek(z), plain(z, t))[1])
        with pytest.raises((RuntimeError, NotImplementedError, AssertionError)):
            run("mcc", {}, 0)
