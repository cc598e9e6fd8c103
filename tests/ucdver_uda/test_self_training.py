"""Losses on the target's own predictions against independent formulas and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import self_training as naive
from naive.adaptation import entropy as naive_entropy
from naive.adaptation import softmax
from support.loss_checks import check_gradient, normal, seeds
from torch.nn import functional as F

from ucdver_uda.aad import attraction, dispersion, nearest
from ucdver_uda.adamatch import aligned_labels, ramp
from ucdver_uda.ema import decay_at
from ucdver_uda.entropy import entropy
from ucdver_uda.fixmatch import confident_loss
from ucdver_uda.group_dro import domain_losses
from ucdver_uda.mean_teacher import consistency
from ucdver_uda.mixstyle import mix_style
from ucdver_uda.shot import diversity
from ucdver_uda.shot_labels import pseudo_labels
from ucdver_uda.ssrt import refinement_loss
from ucdver_uda.tent import prediction_entropy
from ucdver_uda.toalign import positive_features

counts = st.integers(2, 7)
quick = settings(max_examples=20, deadline=None)


@quick
@given(seeds, counts, st.integers(2, 5), st.sampled_from([0.0, 0.5, 0.9]))
def test_confident_loss_is_the_formula(seed: int, count: int, classes: int, threshold: float) -> None:
    weak, strong = normal(seed, count, classes, scale=3), normal(seed + 1, count, classes)
    loss, (_, mask, _) = confident_loss(weak, strong, threshold)
    assert loss.item() == pytest.approx(naive.confident(weak.numpy(), strong.numpy(), threshold), rel=1e-10)
    assert mask.tolist() == [float(max(softmax(row)) > threshold) for row in weak.numpy()]
    check_gradient(lambda s: confident_loss(weak, s, threshold)[0], strong)


@quick
@given(seeds, counts, counts, st.integers(2, 5))
def test_aligned_labels_are_the_formula(seed: int, n: int, m: int, classes: int) -> None:
    source, target = normal(seed, n, classes, scale=2), normal(seed + 1, m, classes, scale=2)
    labels, mask = aligned_labels(source, target, 0.9)
    expected, expected_mask = naive.aligned(source.numpy(), target.numpy(), 0.9)
    np.testing.assert_allclose(labels.numpy(), expected, rtol=1e-8)
    assert mask.tolist() == expected_mask


def test_aligning_with_oneself_changes_nothing() -> None:
    logits = normal(0, 6, 3)
    torch.testing.assert_close(aligned_labels(logits, logits, 0.9)[0], logits.softmax(1))


def test_the_ramp_of_adamatch_is_up_by_half_time() -> None:
    assert [ramp(0.0), ramp(0.25), ramp(0.5), ramp(0.9)] == pytest.approx([0, 0.5, 1, 1])


@quick
@given(seeds, counts, st.integers(2, 5), st.sampled_from([0.0, 0.6]))
def test_consistency_is_the_formula(seed: int, count: int, classes: int, confidence: float) -> None:
    student, teacher = normal(seed, count, classes), normal(seed + 1, count, classes, scale=3)
    found = consistency(student, teacher, confidence)[0].item()
    assert found == pytest.approx(naive.consistency(student.numpy(), teacher.numpy(), confidence), abs=1e-12)
    assert consistency(teacher, teacher, 0.0)[0].item() == 0
    check_gradient(lambda s: consistency(s, teacher, confidence)[0], student)


@quick
@given(seeds, counts, st.integers(2, 5), st.booleans(), st.sampled_from([0.0, 0.6, 0.99]))
def test_refinement_is_the_formula(seed: int, count: int, classes: int, forward: bool, confidence: float) -> None:
    clean, disturbed = normal(seed, count, classes, scale=2), normal(seed + 1, count, classes, scale=2)
    found = refinement_loss(clean, disturbed, forward, confidence).item()
    assert found == pytest.approx(naive.refinement(clean.numpy(), disturbed.numpy(), forward, confidence), abs=1e-10)
    assert refinement_loss(clean, clean, forward, 0.0).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("forward", [True, False])
def test_refinement_teaches_one_side_alone(forward: bool) -> None:
    clean, disturbed = normal(0, 4, 3).requires_grad_(), normal(1, 4, 3).requires_grad_()
    refinement_loss(clean, disturbed, forward, 0.0).backward()
    assert (clean.grad is None) == forward and (disturbed.grad is None) != forward
    if forward:
        check_gradient(lambda d: refinement_loss(clean.detach(), d, True, 0.0), disturbed.detach())


@quick
@given(seeds, counts, st.integers(2, 4), st.integers(2, 5))
def test_positive_features_are_the_formula_and_keep_their_length(seed: int, n: int, classes: int, width: int) -> None:
    features, weight, labels = normal(seed, n, width), normal(seed + 1, classes, width), torch.arange(n) % classes
    found = positive_features(features, weight, labels)
    np.testing.assert_allclose(
        found.numpy(), naive.positive(features.numpy(), weight.numpy(), labels.tolist()), rtol=1e-9
    )
    torch.testing.assert_close(found.norm(dim=1), features.norm(dim=1))


def test_a_feature_without_anything_of_its_class_stays_zero() -> None:
    features = torch.tensor([[1.0, 0.0], [0.0, 0.0]], requires_grad=True)
    found = positive_features(features, torch.tensor([[0.0, 1.0]]), torch.tensor([0, 0]))
    found.sum().backward()
    assert torch.equal(found, torch.zeros(2, 2))
    assert features.grad is not None and torch.isfinite(features.grad).all()


@quick
@given(seeds, counts, st.integers(2, 5))
def test_information_is_the_formula(seed: int, count: int, classes: int) -> None:
    logits = normal(seed, count, classes, scale=2)
    certain, diverse = naive.information(logits.numpy())
    assert entropy(logits.softmax(1)).mean().item() == pytest.approx(certain, rel=1e-10)
    assert -diversity(logits.softmax(1), None).item() == pytest.approx(diverse, rel=1e-10)
    check_gradient(lambda z: diversity(z.softmax(1), None), logits)


def test_diversity_is_least_for_the_wanted_mean_prediction() -> None:
    uniform, skewed = torch.full((1, 4), 0.25), torch.tensor([[0.7, 0.1, 0.1, 0.1]])
    assert diversity(uniform, None) < diversity(skewed, None)
    assert diversity(uniform, None).item() == pytest.approx(-math.log(4), abs=1e-3)
    assert diversity(skewed, skewed[0]).item() == pytest.approx(0, abs=1e-6)
    assert diversity(uniform, skewed[0]) > 0.1
    check_gradient(lambda z: diversity(z.softmax(1), skewed[0].double()), normal(0, 5, 4))


@quick
@given(seeds, st.integers(4, 20), st.integers(2, 4), st.booleans(), st.sampled_from([None, 0, 1, 50]))
def test_pseudo_labels_are_the_formula(seed: int, n: int, classes: int, cosine: bool, threshold: int | None) -> None:
    features, logits = normal(seed, n, 3), normal(seed + 1, n, classes)
    found = pseudo_labels(features, logits, "cosine" if cosine else "euclidean", threshold)
    assert found.tolist() == naive.pseudo_labels(features.numpy(), logits.numpy(), cosine, threshold)


def test_pseudo_labels_follow_clusters_and_not_mistakes() -> None:
    labels = torch.arange(30) % 3
    features = 5 * F.one_hot(labels, 3).double() + 0.3 * normal(0, 30, 3)
    logits = 2 * F.one_hot(labels, 3).double()
    logits[:3] = logits[:3].roll(1, 1)
    assert (logits.argmax(1) != labels).sum() == 3
    assert torch.equal(pseudo_labels(features, logits, "cosine", 0), labels)


@quick
@given(seeds, counts, st.integers(1, 3), st.integers(2, 4))
def test_attraction_and_dispersion_are_the_formulas(seed: int, n: int, k: int, classes: int) -> None:
    p, q = normal(seed, n, classes).softmax(1), normal(seed + 1, n, k, classes).softmax(2)
    assert attraction(p, q).item() == pytest.approx(naive.attraction(p.numpy(), q.numpy()), rel=1e-10)
    assert dispersion(p).item() == pytest.approx(naive.dispersion(p.numpy()), rel=1e-10, abs=1e-14)
    check_gradient(lambda x: attraction(x, q) + dispersion(x), p)


def test_the_nearest_are_those_with_the_largest_cosine_without_the_image_itself() -> None:
    bank = F.normalize(normal(0, 9, 3), dim=1)
    found = nearest(bank[:4], bank, 3)
    for i in range(4):
        order = sorted((j for j in range(9) if j != i), key=lambda j: -float(bank[i] @ bank[j]))
        assert found[i].tolist() == order[:3]
    assert nearest(bank[:4], bank[:4], 10).shape == (4, 3)


@quick
@given(seeds, counts, st.integers(2, 5))
def test_prediction_entropy_is_the_formula(seed: int, count: int, classes: int) -> None:
    logits = normal(seed, count, classes, scale=2)
    expected = [naive_entropy(softmax(row), epsilon=0.0) for row in logits.numpy()]
    np.testing.assert_allclose(prediction_entropy(logits).numpy(), expected, rtol=1e-10)
    check_gradient(lambda z: prediction_entropy(z).mean(), logits)
    assert torch.isfinite(prediction_entropy(torch.tensor([[1e4, 0.0]]))).all()


@quick
@given(seeds, st.integers(2, 4))
def test_mixed_styles_are_the_formula(seed: int, count: int) -> None:
    x, weight = normal(seed, count, 2, 3, 4), normal(seed + 1, count).sigmoid()
    partner = torch.arange(count).roll(1)
    expected = naive.mix_style(x.numpy(), partner.tolist(), weight.tolist())
    np.testing.assert_allclose(mix_style(x, partner, weight, (2, 3)).numpy(), expected, rtol=1e-9, atol=1e-12)


def test_the_style_of_a_partner_is_taken_over_and_of_oneself_kept() -> None:
    x = normal(0, 4, 2, 5, 5)
    partner = torch.tensor([1, 0, 3, 2])
    torch.testing.assert_close(mix_style(x, partner, torch.ones(4), (2, 3)), x)
    taken = mix_style(x, partner, torch.zeros(4), (2, 3))
    torch.testing.assert_close(taken.mean((2, 3)), x[partner].mean((2, 3)))
    torch.testing.assert_close(taken.std((2, 3)), x[partner].std((2, 3)), rtol=1e-4, atol=1e-6)


def test_losses_by_domain_are_means_and_zero_where_there_is_none() -> None:
    found = domain_losses(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0, 0, 2]), 4)
    assert found.tolist() == [2.0, 0.0, 5.0, 0.0]


def test_the_average_of_weights_begins_with_short_memory() -> None:
    assert decay_at(0, 0.999) == pytest.approx(0.1)
    assert decay_at(10**6, 0.999) == 0.999
    assert decay_at(5, 0.2) == 0.2
