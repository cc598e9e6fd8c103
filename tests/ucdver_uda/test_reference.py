"""Parity with the numbers of the public implementations."""

from __future__ import annotations

import pytest
import torch
from naive.reference import Case, case
from torch import Tensor

from ucdver_uda.cdan import multilinear_map, random_map
from ucdver_uda.deep_coral import coral_loss
from ucdver_uda.domain_discriminator import DomainDiscriminator, domain_loss
from ucdver_uda.entropy import certainty_weights
from ucdver_uda.gradient_reversal import reversal_coefficient, reverse_gradient
from ucdver_uda.mcc import mcc_loss


def discriminator(ref: Case) -> DomainDiscriminator:
    hidden, width = ref["w.0.weight"].shape
    network = DomainDiscriminator(width, hidden)
    weights = {k[2:].replace("6.0.", "6."): v for k, v in ref.tensors.items() if k.startswith("w.")}
    network.layers.load_state_dict(weights)
    return network.double().train()


def leaf(ref: Case, name: str) -> Tensor:
    return ref[name].double().requires_grad_()


def warm_start(ref: Case, iteration: int) -> float:
    grl = ref.config["grl"]
    return reversal_coefficient(iteration / grl["max_iters"], grl["alpha"], grl["lo"], grl["hi"])


@pytest.mark.parametrize("suffix", ["iter0", "iter700", "iter700_weighted"])
def test_dann(suffix: str) -> None:
    ref = case("uda_dann")
    network, f_s, f_t = discriminator(ref), leaf(ref, "in.f_s"), leaf(ref, "in.f_t")
    weights = torch.cat([ref["in.w_s"], ref["in.w_t"]]).double() if "weighted" in suffix else None
    coefficient = warm_start(ref, 0 if suffix == "iter0" else 700)
    logits = network(reverse_gradient(torch.cat([f_s, f_t]), coefficient))
    loss = domain_loss(logits, len(f_s), weights)
    loss.backward()
    ref.check(loss, f"out.loss_{suffix}")
    assert f_s.grad is not None and f_t.grad is not None
    ref.check(f_s.grad, f"out.grad_f_s_{suffix}")
    ref.check(f_t.grad, f"out.grad_f_t_{suffix}")
    if suffix != "iter0":
        ref.check(network.layers[0].weight.grad, f"out.grad_d_first_weight_{suffix}")  # type: ignore[arg-type]
    if suffix == "iter700":
        ref.check(network.layers[6].weight.grad, "out.grad_d_last_weight_iter700")  # type: ignore[arg-type]
        ref.check(logits.sigmoid().unsqueeze(1), "out.d_prob_iter700")


@pytest.mark.parametrize("name", ["uda_cdan_multilinear", "uda_cdan_randomized"])
@pytest.mark.parametrize(("suffix", "rule"), [("plain", "off"), ("entropy", "joint")])
def test_cdan(name: str, suffix: str, rule: str) -> None:
    ref = case(name)
    network, f_s, f_t = discriminator(ref), leaf(ref, "in.f_s"), leaf(ref, "in.f_t")
    logits = torch.cat([ref["in.g_s"], ref["in.g_t"]]).double()
    features = torch.cat([f_s, f_t])
    if "randomized" in name:
        mapped = random_map(features, logits.softmax(1), ref["in.Rf"].double(), ref["in.Rg"].double())
    else:
        mapped = multilinear_map(features, logits.softmax(1))
    coefficient = warm_start(ref, ref.config["grl_iter"])
    weights = certainty_weights(logits, len(f_s), coefficient, rule)  # type: ignore[arg-type]
    loss = domain_loss(network(reverse_gradient(mapped, coefficient)), len(f_s), weights)
    loss.backward()
    ref.check(mapped, "out.map")
    ref.check(loss, f"out.loss_{suffix}")
    assert f_s.grad is not None and f_t.grad is not None
    ref.check(f_s.grad, f"out.grad_f_s_{suffix}")
    ref.check(f_t.grad, f"out.grad_f_t_{suffix}")
    ref.check(network.layers[0].weight.grad, f"out.grad_d_first_weight_{suffix}")  # type: ignore[arg-type]


def test_cdan_e_of_the_authors() -> None:
    """The case leaves the features unreversed, so the coefficient here is for the entropy alone."""
    ref = case("uda_cdan_e_perdomain")
    network = discriminator(ref)
    features = torch.cat([ref["in.f_s"], ref["in.f_t"]]).double().requires_grad_()
    logits = torch.cat([ref["in.g_s"], ref["in.g_t"]]).double().requires_grad_()
    num_source = len(ref["in.f_s"])
    weights = certainty_weights(logits, num_source, ref.config["coeff"], "per_domain")
    mapped = multilinear_map(features, logits.detach().softmax(1))
    loss = domain_loss(network(mapped), num_source, weights)
    loss.backward()
    ref.check(loss, "out.loss")
    assert features.grad is not None and logits.grad is not None
    ref.check(features.grad, "out.grad_f")
    ref.check(logits.grad, "out.grad_g")


@pytest.mark.parametrize("temperature", [2.5, 1.0])
def test_mcc(temperature: float) -> None:
    ref = case("uda_mcc")
    logits = leaf(ref, "in.g_t")
    loss = mcc_loss(logits, temperature)
    loss.backward()
    ref.check(loss, f"out.loss_T{temperature}")
    assert logits.grad is not None
    ref.check(logits.grad, f"out.grad_T{temperature}")
    if temperature == 2.5:
        ref.check(loss, "out.loss_pytorch_adapt_T2.5")


@pytest.mark.parametrize(
    ("variant", "normalisation"),
    [
        ("tllib", "domainbed"),
        ("domainbed_mean_cov", "domainbed"),
        ("deepda", "deep_coral"),
        ("pytorch_adapt", "deep_coral"),
    ],
)
def test_coral(variant: str, normalisation: str) -> None:
    ref = case("uda_coral_variants")
    f_s, f_t = leaf(ref, "in.f_s"), leaf(ref, "in.f_t")
    loss = coral_loss(f_s, f_t, normalisation)  # type: ignore[arg-type]
    loss.backward()
    ref.check(loss, f"out.loss_{variant}")
    assert f_s.grad is not None and f_t.grad is not None
    ref.check(f_s.grad, f"out.grad_s_{variant}")
    ref.check(f_t.grad, f"out.grad_t_{variant}")


def test_reversal_schedule() -> None:
    ref = case("uda_grl_schedule")
    rows = [
        [reversal_coefficient(i / s["max_iters"], s["alpha"], s["lo"], s["hi"]) for i in ref["in.iterations"].tolist()]
        for s in ref.config["settings"]
    ]
    ref.check(torch.tensor(rows, dtype=torch.float64), "out.coefficients")
