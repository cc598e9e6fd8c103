"""Each loss against an independent formula, its gradient against finite differences, and what must hold of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import adaptation as naive
from support.loss_checks import check_gradient, normal, seeds
from torch import Tensor

from ucdver.errors import SpecError
from ucdver_uda.cdan import multilinear_map, random_map
from ucdver_uda.deep_coral import coral_loss
from ucdver_uda.domain_discriminator import domain_loss
from ucdver_uda.entropy import certainty, certainty_weights
from ucdver_uda.mcc import mcc_loss

NORMALISATIONS = ("deep_coral", "coral", "domainbed")
counts = st.integers(2, 7)
quick = settings(max_examples=25, deadline=None)


@quick
@given(seeds, counts, st.integers(2, 5), st.sampled_from([1.0, 2.5]), st.sampled_from([0.1, 1.0, 5.0]))
def test_mcc_is_the_formula(seed: int, count: int, classes: int, temperature: float, scale: float) -> None:
    logits = normal(seed, count, classes, scale=scale)
    expected = naive.mcc(logits.numpy(), temperature)
    assert mcc_loss(logits, temperature).item() == pytest.approx(expected, abs=1e-10)


@quick
@given(seeds, counts, counts, st.integers(1, 5), st.sampled_from(NORMALISATIONS))
def test_coral_is_the_formula(seed: int, n: int, m: int, width: int, normalisation: str) -> None:
    source, target = normal(seed, n, width), normal(seed + 1, m, width) + 0.5
    expected = naive.coral(source.numpy(), target.numpy(), normalisation)
    assert coral_loss(source, target, normalisation).item() == pytest.approx(expected, rel=1e-10)  # type: ignore[arg-type]


@quick
@given(seeds, counts, counts, st.booleans())
def test_domain_loss_is_the_formula(seed: int, n: int, m: int, weighted: bool) -> None:
    logits = normal(seed, n + m, scale=3)
    weights = normal(seed + 1, n + m).abs() if weighted else None
    expected = naive.domain_loss(logits.tolist(), n, None if weights is None else weights.tolist())
    assert domain_loss(logits, n, weights).item() == pytest.approx(expected, rel=1e-10)


@quick
@given(seeds, counts, st.integers(1, 4), st.integers(2, 4), st.integers(1, 6))
def test_maps_are_the_formulas(seed: int, count: int, width: int, classes: int, random_width: int) -> None:
    features, p = normal(seed, count, width), normal(seed + 1, count, classes).softmax(1)
    r_f, r_p = normal(seed + 2, width, random_width), normal(seed + 3, classes, random_width)
    full = naive.multilinear(features.numpy(), p.numpy())
    drawn = naive.random_map(features.numpy(), p.numpy(), r_f.numpy(), r_p.numpy())
    np.testing.assert_allclose(multilinear_map(features, p).numpy(), full, rtol=1e-12)
    np.testing.assert_allclose(random_map(features, p, r_f, r_p).numpy(), drawn, rtol=1e-10, atol=1e-14)


@quick
@given(seeds, counts, counts, st.integers(2, 5))
def test_certainty_weights_are_the_formulas(seed: int, n: int, m: int, classes: int) -> None:
    logits = normal(seed, n + m, classes, scale=2)
    joint, per_domain = (certainty_weights(logits, n, 0.3, rule) for rule in ("joint", "per_domain"))  # type: ignore[arg-type]
    assert joint is not None and per_domain is not None
    np.testing.assert_allclose(joint.numpy(), naive.joint_weights(logits.numpy()), rtol=1e-10)
    np.testing.assert_allclose(per_domain.numpy(), naive.per_domain_weights(logits.numpy(), n), rtol=1e-10)
    assert certainty_weights(logits, n, 0.3, "off") is None


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_coral_gradient(normalisation: str) -> None:
    check_gradient(
        lambda s, t: coral_loss(s, t, normalisation),  # type: ignore[arg-type]
        normal(0, 5, 3),
        normal(1, 4, 3),
    )


def test_domain_loss_gradient() -> None:
    check_gradient(lambda z: domain_loss(z, 3), normal(0, 7))


def test_mcc_gradient_treats_its_weights_as_constants() -> None:
    """Finite differences of the loss with the weights held where they are, which is what "detached" means."""
    logits = normal(3, 6, 4, scale=2)
    frozen = certainty((logits / 2.5).softmax(1))
    frozen = frozen * len(frozen) / frozen.sum()

    def with_frozen_weights(z: Tensor) -> Tensor:
        p = (z / 2.5).softmax(1)
        confusion = torch.einsum("b,bi,bj->ij", frozen, p, p)
        confusion = confusion / confusion.sum(1, keepdim=True)
        return 1 - confusion.diagonal().mean()

    check_gradient(with_frozen_weights, logits)
    ours, expected = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    mcc_loss(ours, 2.5).backward()
    with_frozen_weights(expected).backward()
    torch.testing.assert_close(ours.grad, expected.grad, rtol=1e-9, atol=1e-12)

    # Through the weights the gradient would be another, by far more than the tolerance above.
    assert ours.grad is not None
    through = torch.zeros_like(logits)
    for place in np.ndindex(6, 4):
        nudged = logits.clone()
        nudged[place] += 1e-5
        through[place] = (naive.mcc(nudged.numpy(), 2.5) - naive.mcc(logits.numpy(), 2.5)) / 1e-5
    assert (through - ours.grad).abs().max() > 0.01 * ours.grad.abs().max()


@quick
@given(seeds, counts, st.integers(1, 6), st.sampled_from(NORMALISATIONS))
def test_coral_of_equal_batches_is_zero(seed: int, count: int, width: int, normalisation: str) -> None:
    features = normal(seed, count, width)
    assert coral_loss(features, features.clone(), normalisation).item() == 0.0  # type: ignore[arg-type]


@pytest.mark.parametrize("normalisation", ["deep_coral", "coral"])
def test_coral_does_not_see_a_shift_but_domainbed_does(normalisation: str) -> None:
    features = normal(0, 8, 3)
    assert coral_loss(features, features + 4, normalisation).item() == pytest.approx(0, abs=1e-20)  # type: ignore[arg-type]
    assert coral_loss(features, features + 4, "domainbed").item() == pytest.approx(16)


@pytest.mark.parametrize("sizes", [(1, 4), (4, 1)])
def test_coral_refuses_a_batch_of_one(sizes: tuple[int, int]) -> None:
    with pytest.raises(SpecError, match="two images of each domain"):
        coral_loss(normal(0, sizes[0], 3), normal(1, sizes[1], 3), "deep_coral")


@quick
@given(st.integers(2, 6), st.integers(1, 4), st.integers(1, 4))
def test_mcc_is_zero_for_one_hot_and_largest_for_uniform(classes: int, repeats: int, count: int) -> None:
    one_hot = 1e3 * torch.eye(classes, dtype=torch.float64).repeat(repeats, 1)
    uniform = torch.zeros(count, classes, dtype=torch.float64)
    largest = (classes - 1) / classes
    assert mcc_loss(one_hot, 2.5).item() == pytest.approx(0, abs=1e-12)
    assert mcc_loss(uniform, 2.5).item() == pytest.approx(largest, abs=1e-12)
    assert mcc_loss(normal(classes, 5, classes), 2.5).item() < largest


def test_mcc_stands_a_class_that_nothing_is_predicted_as() -> None:
    logits = torch.tensor([[300.0, 0.0, 0.0], [300.0, 0.0, 0.0], [0.0, 300.0, 0.0]], requires_grad=True)
    loss = mcc_loss(logits, 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert logits.grad is not None and torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_losses_stay_in_full_precision_under_autocast(normalisation: str) -> None:
    features = normal(0, 16, 8).float()
    shifted = features * 1.001
    plain = coral_loss(features, shifted, normalisation)  # type: ignore[arg-type]
    confusion = mcc_loss(features, 2.5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = coral_loss(features, shifted, normalisation)  # type: ignore[arg-type]
        assert cast.dtype == torch.float32
        torch.testing.assert_close(cast, plain, rtol=0, atol=0)
        torch.testing.assert_close(mcc_loss(features, 2.5), confusion, rtol=0, atol=0)
