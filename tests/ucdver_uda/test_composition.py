"""How each method puts its losses together: signs, weights and ramps, and which way a reversed gradient goes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from naive import adaptation as naive
from naive.batches import vector_backbone, vector_batch, vector_task
from support.tiny_runs import SMALL, prepared
from torch import Tensor

from ucdver import Batch, Method
from ucdver.registry import load_target
from ucdver_uda import gradient_reversal
from ucdver_uda.adamatch import ramp
from ucdver_uda.gradient_reversal import reversal_coefficient
from ucdver_uda.mcd import MCD, discrepancy
from ucdver_uda.methods import methods

SPECS = {spec.name: spec for spec in methods()}
PROGRESS = 0.3
Losses = dict[str, Tensor]

#: The total of each method's step at PROGRESS, with every weight at a value that is nobody's default.
TOTALS: dict[str, tuple[dict[str, Any], Callable[[Losses], Tensor]]] = {
    "dann": ({"hidden": 8, "trade_off": 0.7}, lambda x: x["source"] + 0.7 * x["domain"]),
    "cdan": ({"hidden": 8, "trade_off": 0.7}, lambda x: x["source"] + 0.7 * x["domain"]),
    "mcc": ({"trade_off": 0.7}, lambda x: x["source"] + 0.7 * x["confusion"]),
    "deep_coral": ({"trade_off": 0.7}, lambda x: x["source"] + 0.7 * x["coral"]),
    "dan": ({"trade_off": 0.7}, lambda x: x["source"] + 0.7 * x["mmd"]),
    "jan": ({"trade_off": 0.7}, lambda x: x["source"] + 0.7 * x["mmd"]),
    "afn": (
        {"trade_off": 0.7, "trade_off_entropy": 0.2},
        lambda x: x["source"] + 0.7 * x["step"] + 0.2 * x["entropy"],
    ),
    "mdd": ({"trade_off": 0.7}, lambda x: x["source"] - 0.7 * x["mdd"]),
    "bsp": (
        {"hidden": 8, "trade_off": 0.7, "trade_off_spectral": 0.2},
        lambda x: x["source"] + 0.7 * x["domain"] + 0.2 * x["spectral"],
    ),
    "adda": ({"hidden": 8, "trade_off": 0.7, "source_share": 0.01}, lambda x: 0.7 * x["domain"]),
    "deep_jdot": ({"trade_off": 0.7}, lambda x: x["source"] + 0.7 * x["transport"]),
    "fixmatch": ({"trade_off": 0.7, "threshold": 0.0}, lambda x: x["source"] + 0.7 * x["target"]),
    "adamatch": (
        {"trade_off": 0.7, "threshold": 0.0},
        lambda x: x["source"] + 0.7 * ramp(PROGRESS) * x["target"],
    ),
    "mean_teacher": ({"trade_off": 0.7, "confidence": 0.0}, lambda x: x["source"] + 0.7 * x["target"]),
    "toalign": ({"hidden": 8, "trade_off": 0.7}, lambda x: x["source"] + 0.7 * x["domain"]),
    "ssrt": (
        {"hidden": 8, "trade_off": 0.7, "trade_off_domain": 0.6, "confidence": 0.0},
        lambda x: x["source"] + 0.6 * x["domain"] + 0.7 * x["ramp"] * x["refinement"],
    ),
    "coral_dg": ({"trade_off": 0.7}, lambda x: x["source"] + 0.7 * x["coral"]),
    "shot": (
        {"trade_off_labels": 0.7, "trade_off_diversity": 0.2},
        lambda x: x["entropy"] + 0.2 * x["diversity"] + 0.7 * x["labels"],
    ),
    "shot_im": ({"trade_off_diversity": 0.2}, lambda x: x["entropy"] + 0.2 * x["diversity"]),
    "aad": ({"beta": 2.0}, lambda x: x["attraction"] + (1 + 10 * PROGRESS) ** -2.0 * x["dispersion"]),
    "tent": ({}, lambda x: x["entropy"]),
}
#: Whose total is one cross entropy, or is tested by itself.
SINGLE = {"erm_aug", "mixstyle", "swad", "ema", "group_dro", "mcd"}


def kind(name: str) -> type[Method]:
    cls: type[Method] = load_target(SPECS[name].target, name)
    return cls


def begun(name: str, config: dict[str, Any]) -> tuple[Method, Batch]:
    """Return a method on tiny pictures in the last phase of its setting, and a batch of it."""
    return prepared(kind(name), SPECS[name].settings[0], config, step=5)


def test_every_method_is_covered() -> None:
    assert set(TOTALS) | SINGLE == set(SPECS)


@pytest.mark.parametrize("name", TOTALS)
def test_the_total_is_put_together_as_the_paper_says(name: str) -> None:
    config, expected = TOTALS[name]
    method, batch = begun(name, config)
    losses = method.step(batch, PROGRESS)
    torch.testing.assert_close(losses["total"], expected(losses))
    parts = {k: v for k, v in losses.items() if k != "total"}
    assert all(bool(v != 0) for v in parts.values()), f"a part that is 0 would hide its weight: {parts}"


@pytest.mark.parametrize("name", ["shot", "shot_im", "tent"])
def test_certain_target_predictions_are_what_is_asked_for(name: str) -> None:
    method, batch = begun(name, {})
    method.eval()
    with torch.no_grad():
        rows = method(batch.target.images).softmax(1)
        losses = method.step(batch, PROGRESS)
    expected = sum(naive.entropy(row.tolist(), epsilon=0.0) for row in rows) / len(rows)
    assert losses["entropy"].item() == pytest.approx(expected, rel=1e-3)
    if "diversity" in losses:
        assert losses["diversity"].item() == pytest.approx(-naive.entropy(rows.mean(0).tolist()), rel=1e-3)


def test_fixmatch_and_its_kin_learn_the_label_of_the_weak_view() -> None:
    """With no augmentation and no threshold the target's loss is the cross entropy with its own prediction."""
    method, batch = begun("fixmatch", {"threshold": 0.0, "strength": 0.0})
    method.eval()
    with torch.no_grad():
        logits = method(batch.target.images)
        losses = method.step(batch, PROGRESS)
    expected = naive.cross_entropy(logits.double().numpy(), logits.argmax(1).tolist())
    assert losses["target"].item() == pytest.approx(expected, rel=1e-4)


def gradients(name: str, config: dict[str, Any], key: str, progress: float, step: int) -> dict[str, Tensor]:
    """Return the gradient of the loss `key` by parameter of a method on vectors."""
    torch.manual_seed(0)
    cls = kind(name)
    method = cls(vector_task(), vector_backbone(5), cls.Config(**config)).train()
    generator = torch.Generator().manual_seed(1)
    source, target = torch.randn(6, 5, generator=generator), torch.randn(6, 5, generator=generator) + 0.5
    torch.manual_seed(2)
    method.step(vector_batch(source, torch.arange(6) % 3, target, step=step), progress)[key].backward()
    return {k: p.grad.clone() for k, p in method.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    ("name", "key", "adversary", "high"),
    [
        ("dann", "domain", "discriminator", 1.0),
        ("cdan", "domain", "discriminator", 1.0),
        ("bsp", "domain", "discriminator", 1.0),
        ("toalign", "domain", "discriminator", 1.0),
        ("adda", "domain", "discriminator", 2.0),
        ("mdd", "mdd", "adversary", 0.1),
    ],
)
@pytest.mark.parametrize("progress", [0.2, 0.9])
def test_the_adversary_descends_what_the_features_ascend(
    name: str, key: str, adversary: str, high: float, progress: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The features get the plain gradient times minus the coefficient, and the adversary the plain one."""
    # ADDA counts its own progress, from the step at which the source is done; its frozen networks are as it began.
    step = round(100 * progress) if name != "adda" else round(50 + 50 * progress)
    config = {"hidden": 8, "source_share": 0.5} if name == "adda" else SMALL[name]
    reversed_ = gradients(name, config, key, progress, step)
    monkeypatch.setattr(importlib.import_module(kind(name).__module__), "reverse_gradient", lambda x, c: x)
    plain = gradients(name, config, key, progress, step)
    coefficient = reversal_coefficient(progress, high=high)
    assert reversed_.keys() == plain.keys() and any(k.startswith("bottleneck") for k in plain)
    for parameter, gradient in plain.items():
        factor = 1.0 if parameter.startswith(adversary) else -coefficient
        torch.testing.assert_close(reversed_[parameter], factor * gradient, rtol=1e-4, atol=1e-6)


def test_ssrt_reverses_the_gradient_of_its_discriminator(monkeypatch: pytest.MonkeyPatch) -> None:
    def pulled() -> Tensor:
        method, batch = begun("ssrt", {"hidden": 8})
        torch.manual_seed(0)
        method.step(batch, PROGRESS)["domain"].backward()
        gradient = next(p.grad for k, p in method.named_parameters() if k.startswith("bottleneck"))
        assert gradient is not None
        return gradient

    reversed_ = pulled()
    monkeypatch.setattr("ucdver_uda.ssrt.reverse_gradient", lambda x, c: x)
    torch.testing.assert_close(reversed_, -reversal_coefficient(PROGRESS, high=0.1) * pulled(), rtol=1e-3, atol=1e-7)


def test_reversal_is_reversal() -> None:
    x = torch.randn(3, requires_grad=True)
    gradient_reversal.reverse_gradient(x, 0.3).sum().backward()
    torch.testing.assert_close(x.grad, torch.full((3,), -0.3))


def test_toalign_reads_the_positive_features_of_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    method, batch = begun("toalign", {"hidden": 8})
    torch.manual_seed(0)
    plain = method.step(batch, PROGRESS)["domain"]
    seen: list[Tensor] = []
    monkeypatch.setattr("ucdver_uda.toalign.positive_features", lambda f, w, y: (seen.append(f), f)[1])
    torch.manual_seed(0)
    other = method.step(batch, PROGRESS)["domain"]
    assert seen and len(seen[0]) == 6 and not torch.isclose(plain, other)


def test_mcd_raises_the_disagreement_by_its_heads_and_lowers_it_by_its_features() -> None:
    torch.manual_seed(0)
    method = MCD(vector_task(), vector_backbone(5), MCD.Config(hidden=16, updates=3, trade_off=5.0)).train()
    for module in method.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if isinstance(module, torch.nn.BatchNorm1d):
            module.momentum = 1.0
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(12, 5, generator=generator), torch.randn(12, 5, generator=generator) + 1
    batch = vector_batch(images[0], torch.arange(12) % 3, images[1])
    optimiser = torch.optim.SGD(method.parameters(), lr=0.02)
    seen, step = [], optimiser.step

    def watched(*arguments: object) -> None:
        with torch.no_grad():
            both = torch.cat([batch.sources.images, batch.target.images])
            before = discrepancy(*(z[12:] for z in method.both_heads(both))).item()
            step()
            seen.append(discrepancy(*(z[12:] for z in method.both_heads(both))).item() - before)

    optimiser.step = watched  # type: ignore[method-assign, assignment]
    method.manual_step(batch, 0.5, optimiser)
    assert len(seen) == 5 and seen[1] > 0 and all(change < 0 for change in seen[2:])
