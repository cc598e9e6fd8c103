"""Validators against naive formulas, at their limits, and in blocks."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import validators as naive
from torch import Tensor

from ucdver.selection import (
    blocks,
    bnm,
    class_cluster,
    corr_c,
    dev,
    entropy,
    importance,
    infomax,
    ist,
    iwcv,
    iwcv_kde,
    last,
    mixval,
    rankme,
    snd,
    source_risk,
)
from ucdver.selection.outputs import MixedOutputs, SourceOutputs, TargetOutputs


def normal(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


def target(n: int = 24, d: int = 5, k: int = 4, seed: int = 1) -> TargetOutputs:
    return TargetOutputs(normal(n, d, seed=seed), normal(n, k, seed=seed + 100, scale=2.0))


def source(n: int = 20, d: int = 5, k: int = 4, seed: int = 2) -> SourceOutputs:
    labels = torch.arange(n) % k
    return SourceOutputs(normal(n, d, seed=seed), normal(n, k, seed=seed + 100, scale=2.0), labels)


@settings(max_examples=20)
@given(n=st.integers(2, 30), k=st.integers(2, 6), seed=st.integers(0, 1000))
def test_rules_on_predictions_are_those_of_the_naive_formulas(n: int, k: int, seed: int) -> None:
    given_ = target(n, 4, k, seed)
    logits = given_.logits.tolist()
    assert entropy.score(given_) == pytest.approx(-naive.mean_entropy(logits), abs=1e-6)
    assert infomax.score(given_) == pytest.approx(naive.infomax(logits), abs=1e-6)
    assert bnm.score(given_) == pytest.approx(naive.bnm(logits), abs=1e-6)
    assert corr_c.score(given_) == pytest.approx(naive.corr_c(logits), abs=1e-6)
    rows = given_.logits.softmax(1)
    assert snd.score(given_) == pytest.approx(naive.snd(rows.tolist(), 0.05), abs=2e-5)


@settings(max_examples=20)
@given(n=st.integers(2, 20), d=st.integers(2, 20), seed=st.integers(0, 1000))
def test_rules_on_features_are_those_of_the_naive_formulas(n: int, d: int, seed: int) -> None:
    here, there = target(n, d, 3, seed), source(n + 3, d, 3, seed + 1)
    assert rankme.score(here) == pytest.approx(naive.rankme(here.features.tolist()), rel=1e-5)
    expected = naive.ist(there.features.tolist(), here.features.tolist())
    assert ist.score(there, here) == pytest.approx(expected, abs=1e-6)


def test_ist_weighs_by_cosines_and_so_knows_no_lengths() -> None:
    here, there = target(12, 6, 3, 0), source(12, 6, 3, 1)
    longer = replace(here, features=here.features * 100)
    assert ist.score(there, longer) == pytest.approx(ist.score(there, here), abs=1e-6)


def test_source_rules_are_those_of_the_naive_formulas() -> None:
    val, here = source(), target()
    assert source_risk.score(val) == pytest.approx(naive.source_risk(val.logits.tolist(), val.labels.tolist()))
    weights = torch.rand(20, generator=torch.Generator().manual_seed(3)) + 0.1
    losses = iwcv.errors(val.logits, val.labels)
    assert dev.dev_risk(weights, losses) == pytest.approx(naive.dev(weights.tolist(), losses.tolist()), rel=1e-6)
    kernel = naive.kernel_weights(val.features.tolist(), here.features.tolist())
    assert importance.kernel_weights(val.features, here.features).tolist() == pytest.approx(kernel, rel=1e-5)
    right = val.logits.argmax(1) == val.labels
    expected = sum(w for w, hit in zip(kernel, right.tolist(), strict=True) if hit)
    assert iwcv_kde.score(val, here) == pytest.approx(expected, rel=1e-5)


def test_importance_weights_rise_towards_the_target() -> None:
    """Source N(0, 1), target N(1, 1): the log ratio is x - 1/2."""
    there, here, wanted = normal(4000, 1, seed=5), normal(4000, 1, seed=6) + 1, torch.linspace(-1, 2, 7)[:, None]
    before = here.clone()
    found = importance.classifier_weights(there, here, wanted).log()
    assert found.tolist() == pytest.approx((wanted[:, 0] - 0.5).tolist(), abs=0.15)
    assert torch.equal(here, before)


def test_where_the_domains_are_alike_weights_are_about_one_and_iwcv_is_the_source_risk() -> None:
    train, here, val = source(3000, seed=11), target(3000, seed=12), source(200, seed=13)
    assert iwcv.score(val, train, here) == pytest.approx(source_risk.score(val), rel=0.1)


@pytest.mark.parametrize("n", [1, 5])
def test_dev_is_guarded_where_the_weights_do_not_vary(n: int) -> None:
    losses = torch.rand(n, generator=torch.Generator().manual_seed(0))
    for value in (0.0, 1.0, 0.1):
        found = dev.dev_risk(torch.full((n,), value), losses)
        assert found == pytest.approx(value * float(losses.mean()), abs=1e-7)


def test_dev_survives_features_that_are_all_the_same() -> None:
    flat = SourceOutputs(torch.ones(8, 3), normal(8, 4), torch.arange(8) % 4)
    found = dev.score(flat, flat, TargetOutputs(torch.ones(6, 3), normal(6, 4)))
    assert math.isfinite(found)


def test_the_control_variate_does_not_move_a_constant_error() -> None:
    """If every error is e, DEV is e exactly, whatever the weights; the plain weighted mean is not."""
    weights = torch.tensor([0.2, 3.0, 1.0, 0.5])
    assert dev.dev_risk(weights, torch.full((4,), 0.7)) == pytest.approx(0.7)
    assert iwcv.weighted_risk(weights, torch.full((4,), 0.7)) != pytest.approx(0.7)


@pytest.mark.parametrize("rule", [entropy.score, infomax.score, bnm.score, corr_c.score])
def test_sure_and_diverse_predictions_score_best(rule) -> None:  # type: ignore[no-untyped-def]
    sure = torch.eye(4).repeat(6, 1) * 50
    unsure = torch.zeros(24, 4)
    features = torch.zeros(24, 2)
    assert rule(TargetOutputs(features, sure)) > rule(TargetOutputs(features, unsure))


@pytest.mark.parametrize(("rule", "value"), [(infomax.score, math.log(4)), (bnm.score, 1 / math.sqrt(24) * 2)])
def test_one_hot_and_balanced_predictions_have_the_known_best_score(rule, value: float) -> None:  # type: ignore[no-untyped-def]
    sure = TargetOutputs(torch.zeros(24, 2), torch.eye(4).repeat(6, 1) * 80)
    assert rule(sure) == pytest.approx(value, abs=1e-6)
    assert corr_c.score(sure) == pytest.approx(1.0)


def test_only_entropy_is_fooled_by_one_class_for_all() -> None:
    one = TargetOutputs(torch.zeros(24, 2), torch.eye(4)[:1].repeat(24, 1) * 80)
    assert entropy.score(one) == pytest.approx(0, abs=1e-9)
    assert infomax.score(one) == pytest.approx(0, abs=1e-9)
    assert corr_c.score(one) == pytest.approx(0.5)


@pytest.mark.parametrize("rank", [1, 3])
def test_rankme_counts_directions(rank: int) -> None:
    q = torch.linalg.qr(normal(40, rank).double()).Q @ torch.linalg.qr(normal(8, rank, seed=4).double()).Q.T
    assert rankme.score(TargetOutputs(q.float(), normal(40, 3))) == pytest.approx(rank, rel=1e-3)
    assert rankme.score(TargetOutputs(torch.zeros(5, 3), normal(5, 3))) == 0.0


def test_snd_of_one_image_and_of_equal_rows() -> None:
    assert snd.neighbourhood_density(torch.ones(1, 3)) == 0.0
    # Exponents of up to 20 are float32, whose last digit is there worth 2e-6.
    assert snd.neighbourhood_density(torch.ones(9, 3)) == pytest.approx(math.log(8), abs=4e-6)


def test_blocks_do_not_change_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = target(50), source(30)

    def all_scores() -> list[float]:
        return [
            snd.score(here),
            ist.score(there, here),
            iwcv_kde.score(there, here),
            rankme.score(here),
            bnm.score(here),
            corr_c.score(here),
        ]

    whole = all_scores()
    monkeypatch.setattr(blocks, "BLOCK_NUMBERS", 150)
    monkeypatch.setattr(blocks, "TILE_ROWS", 7)
    assert all_scores() == pytest.approx(whole, rel=1e-5)


def test_clusters_that_are_the_classes_agree_entirely() -> None:
    labels = torch.arange(30) % 3
    features = torch.nn.functional.one_hot(labels, 3).float() * 10 + normal(30, 3, scale=0.1)
    right = TargetOutputs(features, torch.nn.functional.one_hot(labels, 3).float())
    assert class_cluster.score(right) == pytest.approx(1.0)
    dice = torch.from_numpy(np.random.Generator(np.random.Philox(1)).permutation(labels.numpy()))
    wrong = TargetOutputs(features, torch.nn.functional.one_hot(dice, 3).float())
    assert class_cluster.score(wrong) < 0.3
    assert class_cluster.score(TargetOutputs(torch.zeros(6, 3), normal(6, 3))) == 0.0


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(0, 100))
def test_pairs_are_of_different_rows_and_of_the_kind_they_say(labels: list[int], seed: int) -> None:
    pseudo = np.array(labels)
    heavier, lighter, intra = mixval.draw_pairs(pseudo, np.random.Generator(np.random.Philox(seed)))
    assert (heavier != lighter).all()
    assert (intra == (pseudo[heavier] == pseudo[lighter])).all()
    with_mate = sum(labels.count(label) > 1 for label in labels)
    with_other = len(labels) if len(set(labels)) > 1 else 0
    assert (int(intra.sum()), int((~intra).sum())) == (with_mate, with_other)


def test_mixval_is_the_mean_share_of_both_kinds() -> None:
    logits, pseudo = normal(40, 3), torch.arange(40) % 3
    intra = torch.arange(40) % 4 == 0
    found = mixval.score(MixedOutputs(logits, pseudo, intra))
    assert found == pytest.approx(naive.mixval(logits.tolist(), pseudo.tolist(), intra.tolist()))
    assert mixval.score(MixedOutputs(logits, logits.argmax(1), torch.ones(40, dtype=torch.bool))) == 0.5


def test_last_is_the_step() -> None:
    assert last.score(7) == 7.0
