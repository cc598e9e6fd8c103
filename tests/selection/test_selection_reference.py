"""Validators against published implementations, through their numbers."""

from typing import Literal

import pytest
import torch
from naive.reference import Case, case
from torch import Tensor

from ucdver.selection import bnm, entropy, infomax
from ucdver.selection.class_cluster import Agreement, cluster_agreement
from ucdver.selection.dev import dev_risk
from ucdver.selection.importance import Normalisation, density_ratio, kernel_weights, normalised
from ucdver.selection.ist import domain_masses, mixing
from ucdver.selection.iwcv import errors, weighted_risk
from ucdver.selection.iwcv_kde import weighted_accuracy
from ucdver.selection.outputs import SourceOutputs, TargetOutputs
from ucdver.selection.snd import neighbourhood_density


def scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def test_entropy_diversity_infomax_and_bnm() -> None:
    given = case("val_entropy_diversity_im_bnm")
    target = TargetOutputs(given["in.features"], given["in.logits"])
    given.check(scalar(entropy.score(target)), "out.entropy_score")
    given.check(scalar(entropy.score(target)), "out.entropy_score_from_preds")
    given.check(entropy.row_entropies(target.logits), "out.entropy_rows")
    given.check(scalar(infomax.diversity(target.logits)), "out.diversity_score")
    given.check(scalar(infomax.score(target)), "out.im_score")
    given.check(scalar(bnm.score(target)), "out.bnm_score")


def test_nuclear_norm_of_two_losses() -> None:
    """Losses are the negative of the score; one divides by the number of classes, not of images."""
    given = case("uda_deepda_mmd_lmmd_bnm")
    found = bnm.score(TargetOutputs(given["in.f_t"], given["in.g_t"]))
    images, classes = given["in.g_t"].shape
    given.check(scalar(-found), "out.bnm_pytorch_adapt")
    given.check(scalar(-found * images / classes), "out.bnm_deepda")


@pytest.mark.parametrize("temperature", [0.05, 0.5])
@pytest.mark.parametrize("layer", ["preds", "features"])
def test_soft_neighbourhood_density(layer: str, temperature: float) -> None:
    given = case("val_snd")
    rows = given["in.logits"].softmax(1) if layer == "preds" else given["in.features"]
    given.check(scalar(neighbourhood_density(rows, temperature)), f"out.snd_{layer}_T{temperature}")


def test_entropy_and_density_as_scikit_adaptation_has_them() -> None:
    given = case("val_skada_entropy_snd")
    rows = given["in.logits"].softmax(1)[given.config["n_source"] :]
    given.check(scalar(entropy.skada_prediction_entropy(rows, "mean")), "out.skada_prediction_entropy_mean")
    given.check(scalar(entropy.skada_prediction_entropy(rows, "sum")), "out.skada_prediction_entropy_sum")
    found = neighbourhood_density(rows, given.config["T"], diagonal="negate")
    given.check(scalar(found), "out.skada_snd")


@pytest.mark.parametrize("how", ["none", "max", "standardize"])
def test_dev_with_given_weights(how: Normalisation) -> None:
    given = case("val_dev_iwcv_given_weights")
    found = errors(given["in.val_logits"], given["in.val_labels"])
    weights = normalised(given["in.weights"].double(), how)
    given.check(scalar(dev_risk(weights, found)), f"out.dev_risk_{how}")


@pytest.mark.parametrize(("kind", "short"), [("cross_entropy", "ce"), ("zero_one", "zero_one")])
def test_importance_weighted_risk_with_given_weights(kind: Literal["cross_entropy", "zero_one"], short: str) -> None:
    given = case("val_dev_iwcv_given_weights")
    found = errors(given["in.val_logits"], given["in.val_labels"], kind)
    given.check(found, f"out.error_{short}")
    given.check(scalar(weighted_risk(given["in.weights"], found)), f"out.iwcv_risk_{short}")
    if kind == "zero_one":
        given.check(scalar(dev_risk(given["in.weights"], found)), "out.dev_risk_zero_one")


def test_dev_from_a_domain_classifier() -> None:
    given = case("val_dev_from_domain_classifier")
    weights = density_ratio(given["in.domain_logits"], given.config["n_source_train"], given.config["n_target_train"])
    given.check(weights, "out.weights")
    given.check(scalar(dev_risk(weights, given["in.errors"])), "out.dev_risk")


def test_importance_weighted_accuracy_as_scikit_adaptation_has_it() -> None:
    given = case("val_skada_importance_weighted")
    n = given.config["n_source"]
    features = given["in.features"]
    weights = kernel_weights(features[:n], features[n:], given.config["kde"]["bandwidth"])
    given.check(weights, "out.weights")
    given.check(scalar(weighted_accuracy(weights, given["in.logits"][:n], given["in.labels"][:n])), "out.iw_score")


def cluster_case() -> tuple[Case, TargetOutputs, SourceOutputs]:
    given = case("val_class_cluster")
    target = TargetOutputs(given["in.features"], given["in.logits"])
    # Only features and labels are read of the source.
    source = SourceOutputs(given["in.src_features"], given["in.src_features"], given["in.src_labels"])
    return given, target, source


@pytest.mark.parametrize(("measure", "name"), [("ami", "ami"), ("ari", "ari"), ("v_measure", "vmeasure")])
def test_clusters_and_predicted_classes(measure: Agreement, name: str) -> None:
    given, target, _ = cluster_case()
    assert torch.equal(target.logits.argmax(1), given["out.pseudo_labels"])
    given.check(scalar(cluster_agreement(target, measure)), f"out.{name}")


def test_clusters_with_the_source_appended() -> None:
    given, target, source = cluster_case()
    given.check(scalar(cluster_agreement(target, "ami", source)), "out.ami_with_src")


@pytest.mark.parametrize(("entropies", "diversity"), [(1, 1), (1, 0), (0, 1)])
def test_mixing_of_domains(entropies: int, diversity: int) -> None:
    given = case("val_ist")
    masses = domain_masses(given["in.features"], given["in.features_t"])
    found = mixing(masses, bool(entropies), bool(diversity))
    given.check(scalar(found), f"out.ist_ent{entropies}_div{diversity}")
