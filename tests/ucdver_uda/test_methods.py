"""The four methods through their public contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from naive import adaptation as naive
from naive.batches import vector_backbone, vector_batch, vector_task
from pydantic import ValidationError

from ucdver import Method
from ucdver.plugins import load_registry
from ucdver.registry import load_target
from ucdver.runs.search import draw_options, search_ranges
from ucdver_uda import plugin
from ucdver_uda.cdan import CDAN, MAX_PRODUCTS
from ucdver_uda.dann import DANN
from ucdver_uda.deep_coral import DeepCORAL
from ucdver_uda.gradient_reversal import reversal_coefficient
from ucdver_uda.mcc import MCC

CHOICES: list[tuple[type[Method], dict[str, Any]]] = [
    (DANN, {"hidden": 16}),
    (CDAN, {"hidden": 16}),
    (CDAN, {"hidden": 16, "entropy": "joint"}),
    (CDAN, {"hidden": 16, "entropy": "per_domain"}),
    (MCC, {}),
    (DeepCORAL, {}),
    (DeepCORAL, {"normalisation": "coral"}),
    (DeepCORAL, {"normalisation": "domainbed"}),
]


def made(cls: type[Method], config: dict[str, Any], seed: int = 0, bottleneck: int = 8) -> Method:
    torch.manual_seed(seed)
    return cls(vector_task(bottleneck), vector_backbone(5), cls.Config(**config)).train()


def data(seed: int = 0, n: int = 6, m: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    return (
        torch.randn(n, 5, generator=generator),
        labels,
        torch.randn(m, 5, generator=generator) * 1.5 + 0.5,
    )


@pytest.mark.parametrize(("cls", "config"), CHOICES)
def test_step_gives_a_finite_total_and_a_gradient_to_every_parameter(cls: type[Method], config: dict[str, Any]) -> None:
    method = made(cls, config)
    losses = method.step(vector_batch(*data()), 0.5)
    assert all(value.ndim == 0 and torch.isfinite(value) for value in losses.values())
    losses["total"].backward()
    for name, parameter in method.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize(("cls", "config"), CHOICES)
def test_total_is_the_source_loss_plus_the_weighted_rest(cls: type[Method], config: dict[str, Any]) -> None:
    method = made(cls, {**config, "trade_off": 0.25})
    losses = method.step(vector_batch(*data()), 0.5)
    (rest,) = set(losses) - {"total", "source", "reversal"}
    torch.testing.assert_close(losses["total"], losses["source"] + 0.25 * losses[rest])


@pytest.mark.parametrize(("cls", "config"), CHOICES)
def test_target_moves_the_encoder(cls: type[Method], config: dict[str, Any]) -> None:
    """With the source's part of the gradient taken away, something must reach the bottleneck from the target."""
    source, labels, target = data()
    method = made(cls, config)
    losses = method.step(vector_batch(source, labels, target), 0.5)
    (losses["total"] - losses["source"]).backward()
    weight = method.bottleneck[0].weight  # type: ignore[index]
    assert weight.grad.abs().max() > 1e-7


def test_steps_are_the_naive_formulas() -> None:
    """What each step returns, recomputed from the features of one joint forward pass."""
    source, labels, target = data()
    for cls, config in CHOICES:
        method = made(cls, config).double()
        images = torch.cat([source, target]).double()
        with torch.no_grad():
            features = method.forward_features(images)
            logits = method.classify(features)
            losses = method.step(vector_batch(source.double(), labels, target.double()), 0.5)
        f, z = features.numpy(), logits.numpy()
        assert losses["source"].item() == pytest.approx(naive.cross_entropy(z[:6], labels.tolist()))
        if isinstance(method, MCC):
            assert losses["confusion"].item() == pytest.approx(naive.mcc(z[6:], 2.5))
        elif isinstance(method, DeepCORAL):
            expected = naive.coral(f[:6], f[6:], method.config.normalisation)
            assert losses["coral"].item() == pytest.approx(expected)
        elif isinstance(method, DANN):
            with torch.no_grad():
                expected = naive.domain_loss(method.discriminator(features).tolist(), 6)
            assert losses["domain"].item() == pytest.approx(expected)
        elif isinstance(method, CDAN):
            p = np.array([naive.softmax(row) for row in z])
            rules = {"off": None, "joint": naive.joint_weights(z), "per_domain": naive.per_domain_weights(z, 6)}
            with torch.no_grad():
                read = method.discriminator(torch.from_numpy(naive.multilinear(f, p))).tolist()
            expected = naive.domain_loss(read, 6, rules[method.config.entropy])
            assert losses["domain"].item() == pytest.approx(expected)


@pytest.mark.parametrize("cls", [DANN, CDAN])
@pytest.mark.parametrize("progress", [0.0, 0.1, 0.9])
def test_adversary_pulls_as_hard_as_the_schedule_says(cls: type[Method], progress: float) -> None:
    def gradient(at: float) -> torch.Tensor:
        method = made(cls, {"hidden": 16})
        method.step(vector_batch(*data()), at)["domain"].backward()
        weight = method.bottleneck[0].weight  # type: ignore[index]
        return torch.zeros_like(weight) if weight.grad is None else weight.grad

    full = gradient(0.5) / reversal_coefficient(0.5)
    torch.testing.assert_close(gradient(progress), full * reversal_coefficient(progress), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("cls", "config"), CHOICES)
def test_source_and_target_share_one_forward_pass(
    cls: type[Method], config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    method = made(cls, config)
    sizes: list[int] = []
    method.backbone.register_forward_hook(lambda _m, args, _o: sizes.append(len(args[0])))
    method.step(vector_batch(*data()), 0.5)
    assert sizes == [10]


def test_cdan_lets_no_gradient_through_the_predictions() -> None:
    method = made(CDAN, {"hidden": 16})
    method.step(vector_batch(*data()), 0.5)["domain"].backward()
    assert method.head.weight.grad is None


def test_wide_cdan_uses_a_random_map_that_survives_a_resume() -> None:
    task = vector_task(bottleneck=MAX_PRODUCTS // 3 + 1)
    config = CDAN.Config(hidden=16, random_width=12)
    torch.manual_seed(0)
    first = CDAN(task, vector_backbone(5), config).train()
    torch.manual_seed(1)
    second = CDAN(task, vector_backbone(5), config).train()
    assert first.randomised and not torch.equal(first.r_features, second.r_features)
    second.load_state_dict(first.state_dict())
    batch = vector_batch(*data())
    torch.testing.assert_close(first.step(batch, 0.5), second.step(batch, 0.5), rtol=0, atol=0)
    narrow = CDAN(vector_task(bottleneck=MAX_PRODUCTS // 3), vector_backbone(5), config)
    assert not narrow.randomised and "r_features" not in narrow.state_dict()


@pytest.mark.parametrize(("cls", "config"), CHOICES)
def test_unknown_options_are_refused(cls: type[Method], config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="tradeoff"):
        cls.Config(tradeoff=1.0)  # type: ignore[call-arg]


def test_every_registered_target_is_a_method_with_ranges_that_can_be_drawn_from() -> None:
    registry = load_registry()
    for spec in plugin.ucdver_methods():
        cls = load_target(spec.target, f"method '{spec.name}'")
        assert issubclass(cls, Method) and spec.settings in (("uda",), ("uc",), ("sfda",))
        ranges = search_ranges(registry, spec.name)
        assert ranges
        for name, (low, high, _, _) in ranges.items():
            assert low <= cls.Config.model_fields[name].default <= high, (spec.name, name)
        drawn = draw_options(registry, "any", spec.name, {}, 20)
        assert len(drawn) == 20 and all(set(options) == set(ranges) for options in drawn[1:])
