"""Distances between domains against independent formulas, finite differences, and what must hold of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import discrepancies as naive
from support.loss_checks import check_gradient, normal, seeds
from torch import Tensor

from ucdver_uda.afn import norm_step_loss
from ucdver_uda.bsp import spectral_penalty
from ucdver_uda.coral_dg import pairwise_coral
from ucdver_uda.dan import mk_mmd
from ucdver_uda.deep_jdot import joint_cost, transport_plan
from ucdver_uda.jan import SIGMA, Theta, joint_mmd
from ucdver_uda.mcd import class_balance, discrepancy
from ucdver_uda.mdd import margin_disparity
from ucdver_uda.mmd import ALPHAS, Estimator, adaptive_kernels, fixed_kernel, mmd

ESTIMATORS: tuple[Estimator, ...] = ("linear", "quadratic", "biased")
counts = st.integers(2, 6)
quick = settings(max_examples=20, deadline=None)


@quick
@given(seeds, counts, counts, st.integers(1, 4), st.sampled_from(ESTIMATORS))
def test_mk_mmd_is_the_formula(seed: int, n: int, m: int, width: int, estimator: Estimator) -> None:
    source, target = normal(seed, n, width), normal(seed + 1, m, width) + 0.5
    kernel = naive.kernel_matrix(np.concatenate([source.numpy(), target.numpy()]), ALPHAS)
    expected = naive.mmd(kernel, n, estimator)
    assert mk_mmd(source, target, estimator).item() == pytest.approx(expected, abs=1e-10)


@quick
@given(seeds, counts, st.integers(2, 4), st.sampled_from(ESTIMATORS))
def test_joint_mmd_is_the_formula(seed: int, n: int, classes: int, estimator: Estimator) -> None:
    features, p = normal(seed, 2 * n, 3), normal(seed + 1, 2 * n, classes).softmax(1)
    kernel = naive.kernel_matrix(features.numpy(), ALPHAS) * naive.fixed_matrix(p.numpy(), SIGMA)
    expected = naive.mmd(kernel, n, estimator)
    assert joint_mmd(features, p, n, estimator).item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("estimator", ["linear", "biased"])
def test_mmd_of_a_batch_with_itself_is_zero(estimator: Estimator) -> None:
    features = normal(0, 6, 4)
    assert mk_mmd(features, features.clone(), estimator).item() == pytest.approx(0, abs=1e-14)


def test_biased_mmd_is_never_negative_and_the_quadratic_one_has_no_bias() -> None:
    unbiased = []
    for seed in range(200):
        source, target = normal(2 * seed, 5, 2), normal(2 * seed + 1, 5, 2)
        assert mk_mmd(source, target, "biased").item() >= -1e-14
        unbiased.append(mmd(fixed_kernel(torch.cat([source, target]), 1.0), 5, "quadratic").item())
    error = np.std(unbiased) / np.sqrt(len(unbiased))
    assert abs(np.mean(unbiased)) < 4 * error
    assert mk_mmd(normal(0, 20, 2), normal(1, 20, 2) + 3, "quadratic").item() > 1


def test_points_that_coincide_have_a_finite_mmd_and_gradient() -> None:
    points = torch.ones(4, 3, requires_grad=True)
    loss = mmd(adaptive_kernels(points), 2, "biased")
    loss.backward()
    assert loss.item() == 0 and points.grad is not None and torch.isfinite(points.grad).all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_mmd_gradient_holds_the_bandwidth_where_it_is(estimator: Estimator) -> None:
    points = normal(3, 8, 3)
    mean = torch.cdist(points, points).square().mean()

    def with_frozen_bandwidth(z: Tensor) -> Tensor:
        distances = (z[None] - z[:, None]).square().sum(2)
        kernel = torch.stack([torch.exp(-distances / (2 * a * mean)) for a in ALPHAS]).sum(0)
        return mmd(kernel, 4, estimator)

    check_gradient(with_frozen_bandwidth, points)
    ours, expected = points.clone().requires_grad_(), points.clone().requires_grad_()
    mmd(adaptive_kernels(ours), 4, estimator).backward()
    with_frozen_bandwidth(expected).backward()
    torch.testing.assert_close(ours.grad, expected.grad, rtol=1e-9, atol=1e-12)


def test_theta_ascends_what_its_input_descends() -> None:
    torch.manual_seed(0)
    theta, plain = Theta(3).double(), torch.nn.Linear(3, 3).double()
    plain.load_state_dict(theta.linear.state_dict())
    x, y = normal(0, 5, 3).requires_grad_(), normal(0, 5, 3).requires_grad_()
    theta(x).square().sum().backward()
    plain(y).square().sum().backward()
    torch.testing.assert_close(x.grad, y.grad)
    torch.testing.assert_close(theta.linear.weight.grad, -plain.weight.grad)  # type: ignore[operator]


@quick
@given(seeds, counts, st.integers(1, 5), st.sampled_from([0.3, 1.0]))
def test_norms_grow_by_the_gradient_whatever_their_length(seed: int, count: int, width: int, delta: float) -> None:
    features = normal(seed, count, width, scale=3).requires_grad_()
    loss = norm_step_loss(features, delta)
    loss.backward()
    assert loss.item() == pytest.approx(delta**2)
    unit = features.detach() / features.detach().norm(dim=1, keepdim=True)
    torch.testing.assert_close(features.grad, -2 * delta * unit / count)


def test_the_norm_of_nothing_has_a_finite_gradient() -> None:
    features = torch.zeros(2, 3, requires_grad=True)
    norm_step_loss(features, 1.0).backward()
    assert features.grad is not None and torch.isfinite(features.grad).all()


@quick
@given(seeds, counts, counts, st.integers(2, 5), st.sampled_from([1.0, 4.0]))
def test_mdd_is_the_formula_and_never_positive(seed: int, n: int, m: int, classes: int, margin: float) -> None:
    z = [normal(seed + i, n if i < 2 else m, classes, scale=2) for i in range(4)]
    found = margin_disparity(*z, margin).item()
    assert found == pytest.approx(naive.mdd(*(x.numpy() for x in z), margin), rel=1e-10)
    assert found <= 0


def test_mdd_is_largest_for_the_adversary_that_agrees_on_the_source_alone() -> None:
    one_hot = 20 * torch.eye(3, dtype=torch.float64)
    turned = one_hot.roll(1, 0)
    best = margin_disparity(one_hot, one_hot, one_hot, turned, 4.0)
    assert best.item() == pytest.approx(0, abs=1e-5)
    assert margin_disparity(one_hot, turned, one_hot, one_hot, 4.0) < -50


def test_mdd_gradient_reaches_the_adversary_and_not_the_main_head() -> None:
    main = [normal(0, 4, 3).requires_grad_(), normal(1, 4, 3).requires_grad_()]
    check_gradient(
        lambda a, b: margin_disparity(main[0].detach(), a, main[1].detach(), b, 2.0), normal(2, 4, 3), normal(3, 4, 3)
    )
    adversary = normal(2, 4, 3).requires_grad_()
    margin_disparity(main[0], adversary, main[1], adversary, 2.0).backward()
    assert main[0].grad is None and main[1].grad is None and adversary.grad is not None


@quick
@given(seeds, counts, st.integers(2, 5))
def test_classifier_discrepancy_and_class_balance_are_the_formulas(seed: int, count: int, classes: int) -> None:
    first, second = normal(seed, count, classes, scale=2), normal(seed + 1, count, classes, scale=2)
    assert discrepancy(first, second).item() == pytest.approx(naive.mcd(first.numpy(), second.numpy()), rel=1e-10)
    assert class_balance(first).item() == pytest.approx(naive.class_balance(first.numpy()), rel=1e-10)
    assert discrepancy(first, first).item() == 0
    check_gradient(class_balance, first)
    check_gradient(discrepancy, first, second)


@quick
@given(seeds, st.integers(2, 5), st.integers(2, 5), st.integers(2, 4))
def test_spectral_penalty_is_the_largest_eigenvalues(seed: int, n: int, m: int, width: int) -> None:
    source, target = normal(seed, n, width), normal(seed + 1, m, width)
    expected = naive.largest_eigenvalue(source.numpy()) + naive.largest_eigenvalue(target.numpy())
    assert spectral_penalty(source, target, 1).item() == pytest.approx(expected, rel=1e-4)
    everything = source.square().sum() + target.square().sum()
    assert spectral_penalty(source, target, 99).item() == pytest.approx(everything.item(), rel=1e-10)


@pytest.mark.parametrize("largest", [1, 3])
def test_spectral_penalty_and_its_gradient_are_those_of_a_decomposition_but_for_rounding(largest: int) -> None:
    source, target = (normal(seed, 32, 128).float().relu().requires_grad_() for seed in (0, 1))
    expected = sum(torch.linalg.svdvals(x)[:largest].square().sum() for x in (source, target))
    found = spectral_penalty(source, target, largest)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    for mine, other in zip(
        torch.autograd.grad(found, (source, target)), torch.autograd.grad(expected, (source, target)), strict=True
    ):
        assert (mine - other).norm() < 1e-4 * other.norm()


def test_spectral_penalty_gradient() -> None:
    check_gradient(lambda s, t: spectral_penalty(s, t, 1), normal(0, 5, 3), normal(1, 4, 3))


@quick
@given(seeds, counts, counts, st.integers(2, 4))
def test_joint_cost_is_the_formula(seed: int, n: int, m: int, classes: int) -> None:
    f_s, f_t, logits = normal(seed, n, 3), normal(seed + 1, m, 3), normal(seed + 2, m, classes)
    labels = torch.arange(n) % classes
    expected = naive.joint_cost(f_s.numpy(), labels.tolist(), f_t.numpy(), logits.numpy(), 0.1, 0.7)
    np.testing.assert_allclose(joint_cost(f_s, labels, f_t, logits, 0.1, 0.7).numpy(), expected, rtol=1e-10)


@quick
@given(seeds, counts, counts, st.sampled_from([0.05, 0.5]))
def test_a_transport_plan_has_uniform_marginals(seed: int, n: int, m: int, regularisation: float) -> None:
    plan = transport_plan(normal(seed, n, m).abs(), regularisation, 2000)
    assert (plan >= 0).all()
    torch.testing.assert_close(plan.sum(0), torch.full((m,), 1 / m, dtype=plan.dtype))
    torch.testing.assert_close(plan.sum(1), torch.full((n,), 1 / n, dtype=plan.dtype), rtol=0.02, atol=1e-3)


def test_a_transport_plan_nears_the_best_assignment() -> None:
    for seed in range(5):
        cost = normal(seed, 5, 5).abs()
        best = naive.assignment(cost.numpy())
        found = (transport_plan(cost, 0.01, 5000) * cost).sum().item()
        assert best - 1e-3 <= found <= best + 0.02 * cost.mean().item()
    assert transport_plan(torch.zeros(3, 3), 0.05, 10).sum().item() == pytest.approx(1)


def test_the_gradient_of_the_transport_cost_holds_the_plan_where_it_is() -> None:
    f_s, f_t, labels = normal(0, 4, 3), normal(1, 4, 3), torch.tensor([0, 1, 2, 0])
    plan = transport_plan(joint_cost(f_s, labels, f_t, normal(2, 4, 3), 0.1, 1.0), 0.05, 50)
    check_gradient(lambda a, b, z: (plan * joint_cost(a, labels, b, z, 0.1, 1.0)).sum(), f_s, f_t, normal(2, 4, 3))


@quick
@given(seeds, st.lists(st.integers(0, 2), min_size=4, max_size=12))
def test_coral_between_domains_is_the_formula(seed: int, domains: list[int]) -> None:
    features, index = normal(seed, len(domains), 3), torch.tensor(domains)
    groups = [features[index == d].numpy() for d in range(3)]
    found = pairwise_coral(features, index, 3).item()
    assert found == pytest.approx(naive.pairwise_coral(groups), rel=1e-9, abs=1e-14)


def test_coral_between_domains_gradient_with_a_domain_missing() -> None:
    index = torch.tensor([0, 1, 0, 1, 1])
    check_gradient(lambda f: pairwise_coral(f, index, 3), normal(0, 5, 2))


def test_distances_stay_in_full_precision_under_autocast() -> None:
    source, target = normal(0, 8, 4).float(), normal(1, 8, 4).float()
    plain = mk_mmd(source, target, "quadratic"), spectral_penalty(source, target, 1), norm_step_loss(source, 1.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = mk_mmd(source, target, "quadratic"), spectral_penalty(source, target, 1), norm_step_loss(source, 1.0)
    for a, b in zip(plain, cast, strict=True):
        assert b.dtype == torch.float32
        torch.testing.assert_close(b, a, rtol=0, atol=0)
