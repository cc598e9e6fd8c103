"""No step waits for the device: every one runs on torch's meta device, from which nothing can be read back."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.tiny_runs import PHASES, STEPS, make, pictures
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ucdver import Batch, Method, Prediction, Views
from ucdver.data.feeder import Feeder
from ucdver.registry import load_target
from ucdver_uda.methods import methods

SPECS = {spec.name: spec for spec in methods()}
SMALL = {name: {"hidden": 8} for name in ("dann", "cdan", "bsp", "mcd", "adda", "toalign", "ssrt", "mdd")}
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
#: Their results are checked on the CPU by the library itself, which a GPU would have to wait for.
DECOMPOSITIONS = ("_linalg_", "linalg_")


class NoDecomposition(TorchDispatchMode):
    """Refuses what waits for a GPU and runs on the meta device all the same."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name.startswith(DECOMPOSITIONS) and name != "linalg_vector_norm":
            raise AssertionError(f"{name} makes a GPU wait")
        return func(*args, **(kwargs or {}))


def on_meta(batch: Batch) -> Batch:
    def side(values: Any) -> Any:
        moved = {k: v.to("meta") if isinstance(v, Tensor) else v for k, v in vars(values).items()}
        return type(values)(**moved)

    return Batch(
        batch.step,
        batch.total_steps,
        batch.phase,
        side(batch.sources) if batch.has_source else None,
        side(batch.target) if batch.has_target else None,
    )


def views_on_meta() -> Views:
    prediction = Prediction(torch.empty(20, 8, device="meta"), torch.empty(20, 3, device="meta"))
    return Views(None, None, prediction)


def run(name: str, config: dict[str, Any], step: int) -> None:
    cls: type[Method] = load_target(SPECS[name].target, name)
    setting = SPECS[name].settings[0]
    phase = PHASES[setting][-1]
    method = make(cls, setting, config)
    method.start_phase(phase.name)
    batch = on_meta(Feeder(pictures(setting), 6, 0, None, "cpu").batch(phase, step, STEPS, step))
    method = method.to("meta").train()
    if method.wants_views and setting != "uc":
        method.on_epoch(views_on_meta(), 0)
    with NoDecomposition():
        if method.manual_optimisation:
            optimiser = torch.optim.SGD(method.parameters(), lr=0.1)
            losses = method.manual_step(batch, 0.5, optimiser)
        else:
            losses = method.step(batch, 0.5)
            losses["total"].backward()
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
