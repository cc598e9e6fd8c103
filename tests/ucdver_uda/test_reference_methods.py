"""Parity of the newer methods with the numbers of the public implementations."""

from __future__ import annotations

import pytest
import torch
from naive.reference import Case, case
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver_uda.afn import norm_step_loss
from ucdver_uda.bsp import spectral_penalty
from ucdver_uda.coral_dg import pairwise_coral
from ucdver_uda.dan import mk_mmd
from ucdver_uda.entropy import entropy
from ucdver_uda.fixmatch import confident_loss
from ucdver_uda.gradient_reversal import reversal_coefficient
from ucdver_uda.jan import SIGMA, Theta, joint_mmd
from ucdver_uda.mcd import class_balance, discrepancy
from ucdver_uda.mdd import margin_disparity
from ucdver_uda.mixstyle import mix_style
from ucdver_uda.mmd import Estimator, fixed_kernel, mmd, squared_distances
from ucdver_uda.shot import diversity
from ucdver_uda.shot_labels import pseudo_labels


def leaf(ref: Case, name: str) -> Tensor:
    return ref[name].double().requires_grad_()


def grad(leaf: Tensor) -> Tensor:
    assert leaf.grad is not None
    return leaf.grad


@pytest.mark.parametrize("delta", [1.0, 0.3])
def test_afn(delta: float) -> None:
    ref = case("uda_afn")
    features = leaf(ref, "in.f")
    loss = norm_step_loss(features, delta)
    loss.backward()
    ref.check(loss, f"out.loss_delta{delta}")
    ref.check(grad(features), f"out.grad_delta{delta}")


def test_bsp() -> None:
    ref = case("uda_bsp")
    f_s, f_t = leaf(ref, "in.f_s"), leaf(ref, "in.f_t")
    loss = spectral_penalty(f_s, f_t, ref.config["k"])
    loss.backward()
    ref.check(loss, "out.loss")
    ref.check(grad(f_s), "out.grad_s")
    ref.check(grad(f_t), "out.grad_t")


@pytest.mark.parametrize("estimator", ["linear", "quadratic"])
def test_dan(estimator: Estimator) -> None:
    """The reference adds 2 / (n - 1), a constant that is left out here, so it is added for the comparison."""
    ref = case("uda_dan_mkmmd")
    z_s, z_t = leaf(ref, "in.z_s"), leaf(ref, "in.z_t")
    loss = mk_mmd(z_s, z_t, estimator)
    loss.backward()
    ref.check(loss + 2 / (len(z_s) - 1), f"out.loss_{estimator}")
    ref.check(grad(z_s), f"out.grad_s_{estimator}")
    ref.check(grad(z_t), f"out.grad_t_{estimator}")


def test_mmd_with_a_fixed_kernel() -> None:
    ref = case("uda_dan_mkmmd")
    points = torch.cat([ref["in.z_s"], ref["in.z_t"]]).double()
    n = len(ref["in.z_s"])
    found = mmd(fixed_kernel(points, ref.config["fixed_sigma"]), n, "quadratic")
    ref.check(found + 2 / (n - 1), "out.loss_quadratic_fixed_sigma")


def test_mmd_of_domainbed() -> None:
    """Its kernels are not DAN's, its estimator is the biased one."""
    ref = case("uda_coral_variants")
    f_s, f_t = leaf(ref, "in.f_s"), leaf(ref, "in.f_t")
    distances = squared_distances(torch.cat([f_s, f_t]))
    kernel = torch.stack([torch.exp(-g * distances) for g in ref.config["gaussian_gammas"]]).sum(0)
    loss = mmd(kernel, len(f_s), "biased")
    loss.backward()
    ref.check(loss, "out.loss_domainbed_gaussian_mmd")
    ref.check(grad(f_s), "out.grad_s_domainbed_gaussian_mmd")
    ref.check(grad(f_t), "out.grad_t_domainbed_gaussian_mmd")


def test_mmd_of_deepda() -> None:
    """The same estimator, with a bandwidth that leaves the diagonal out of the mean and has no factor 2.

    The case's LMMD, by class, belongs to DSAN, which is no method here; its ramp is the reversal's.
    """
    ref = case("uda_deepda_mmd_lmmd_bnm")
    f_s, f_t = leaf(ref, "in.f_s"), leaf(ref, "in.f_t")
    distances = squared_distances(torch.cat([f_s, f_t]))
    n = len(distances)
    width = distances.detach().sum() / (n * n - n)
    scales = [ref.config["kernel_mul"] ** (i - ref.config["kernel_num"] // 2) for i in range(ref.config["kernel_num"])]
    loss = mmd(torch.stack([torch.exp(-distances / (width * s)) for s in scales]).sum(0), len(f_s), "biased")
    loss.backward()
    ref.check(loss, "out.mmd")
    ref.check(grad(f_s), "out.grad_s_mmd")
    ref.check(grad(f_t), "out.grad_t_mmd")
    ramp = reversal_coefficient(500 / ref.config["max_iter"], alpha=ref.config["gamma"])
    ref.check(torch.tensor(ramp), "out.lambda_iter500")


@pytest.mark.parametrize("suffix", ["quadratic", "linear", "quadratic_theta"])
def test_jan(suffix: str) -> None:
    """The constant 2 / (n - 1) as in DAN's case. `Theta` has a bias; the reference's is part of its weights."""
    ref = case("uda_jan_jmmd")
    assert ref.config["layer2_sigma"] == SIGMA
    names = ("f_s", "f_t", "g_s", "g_t")
    leaves = {name: leaf(ref, f"in.{name}") for name in names}
    features = torch.cat([leaves["f_s"], leaves["f_t"]])
    predicted = torch.cat([leaves["g_s"], leaves["g_t"]]).softmax(1)
    thetas: list[nn.Module] = [nn.Identity(), nn.Identity()]
    if "theta" in suffix:
        thetas = [theta(ref, 0), theta(ref, 1)]
    n = len(leaves["f_s"])
    loss = joint_mmd(thetas[0](features), thetas[1](predicted), n, suffix.partition("_")[0])  # type: ignore[arg-type]
    loss.backward()
    ref.check(loss + 2 / (n - 1), f"out.loss_{suffix}")
    for name in names:
        ref.check(grad(leaves[name]), f"out.grad_{name}_{suffix}")
    if "theta" in suffix:
        for number, module in enumerate(thetas):
            ref.check(grad(module.linear.weight), f"out.grad_theta{number}_weight")  # type: ignore[arg-type, union-attr]


def theta(ref: Case, number: int) -> Theta:
    weight, bias = ref[f"w.theta{number}.weight"], ref[f"w.theta{number}.bias"]
    module = Theta(len(weight))
    module.linear.load_state_dict({"weight": weight, "bias": bias})
    return module.double()


def test_mcd() -> None:
    ref = case("uda_mcd")
    first, second = leaf(ref, "in.g1"), leaf(ref, "in.g2")
    loss = discrepancy(first, second)
    loss.backward()
    ref.check(loss, "out.discrepancy")
    ref.check(grad(first), "out.grad_g1")
    ref.check(grad(second), "out.grad_g2")
    logits = leaf(ref, "in.g1")
    balance = class_balance(logits)
    balance.backward()
    ref.check(balance, "out.class_balance_entropy")
    ref.check(grad(logits), "out.grad_class_balance")


@pytest.mark.parametrize("margin", [4, 2])
def test_mdd(margin: int) -> None:
    ref = case("uda_mdd")
    source, target = leaf(ref, "in.y_s_adv"), leaf(ref, "in.y_t_adv")
    loss = margin_disparity(ref["in.y_s"].double(), source, ref["in.y_t"].double(), target, float(margin))
    loss.backward()
    ref.check(loss, f"out.mdd_margin{margin}")
    ref.check(grad(source), f"out.grad_y_s_adv_margin{margin}")
    ref.check(grad(target), f"out.grad_y_t_adv_margin{margin}")
    if margin == 4:
        each = [
            margin_disparity(*(ref[f"in.{k}"][i : i + 1].double() for k in ("y_s", "y_s_adv", "y_t", "y_t_adv")), 4.0)
            for i in range(len(source))
        ]
        ref.check(torch.stack(each), "out.per_sample_margin4")


@pytest.mark.parametrize("threshold", [0.9, 0.6])
def test_fixmatch(threshold: float) -> None:
    ref = case("uda_fixmatch")
    weak, strong = leaf(ref, "in.y_weak"), leaf(ref, "in.y_strong")
    loss, found = confident_loss(weak, strong, threshold)
    mask = found.weights
    loss.backward()
    ref.check(loss, f"out.loss_{threshold}")
    ref.check(mask, f"out.mask_{threshold}")
    ref.check(grad(strong), f"out.grad_{threshold}")
    assert weak.grad is None
    assert torch.equal(weak.argmax(1), ref["out.pseudo_labels"])


@pytest.mark.parametrize("suffix", ["halfswap", "random"])
def test_mixstyle(suffix: str) -> None:
    ref = case("uda_mixstyle")
    x = leaf(ref, "in.x")
    y = mix_style(x, ref[f"in.perm_{suffix}"], ref["in.lambda"].double(), (2, 3))
    (y * ref["in.grad_out"].double()).sum().backward()
    ref.check(y, f"out.y_{suffix}")
    ref.check(grad(x), f"out.grad_x_{suffix}")


def test_shot_information_maximisation() -> None:
    ref = case("uda_shot_im")
    logits = leaf(ref, "in.g_t")
    p = logits.softmax(1)
    diverse = diversity(p, None)
    loss = entropy(p).mean() + diverse
    loss.backward()
    ref.check(entropy(p), "out.entropy_rows")
    ref.check(entropy(p), "out.tllib_entropy_rows")
    ref.check(entropy(p).mean(), "out.entropy")
    ref.check(-diverse, "out.diversity")
    ref.check(loss, "out.im_loss")
    ref.check(grad(logits), "out.grad_g_t")


def test_shot_source_loss() -> None:
    ref = case("uda_shot_im")
    logits = leaf(ref, "in.g_s")
    loss = F.cross_entropy(logits, ref["in.y_s"], label_smoothing=ref.config["label_smoothing"])
    loss.backward()
    ref.check(loss, "out.label_smooth_ce")
    ref.check(grad(logits), "out.grad_g_s")


@pytest.mark.parametrize(
    ("suffix", "distance", "threshold"),
    [
        ("object_cosine", "cosine", 0),
        ("object_cosine_thr4", "cosine", 4),
        ("object_euclidean", "euclidean", 0),
        ("digit", "cosine", None),
    ],
)
def test_shot_pseudo_labels(suffix: str, distance: str, threshold: int | None) -> None:
    ref = case("uda_shot_pseudo_labels")
    found = pseudo_labels(ref["in.features"], ref["in.logits"], distance, threshold)  # type: ignore[arg-type]
    assert torch.equal(found, ref[f"out.labels_{suffix}"])
    assert torch.equal(ref["in.logits"].argmax(1), ref["out.initial_argmax"])


def test_coral_between_domains() -> None:
    ref = case("uda_coral_variants")
    f_s, f_t = leaf(ref, "in.f_s"), leaf(ref, "in.f_t")
    domains = torch.tensor([0] * len(f_s) + [1] * len(f_t))
    loss = pairwise_coral(torch.cat([f_s, f_t]), domains, 2)
    loss.backward()
    ref.check(loss, "out.loss_domainbed_mean_cov")
    ref.check(grad(f_s), "out.grad_s_domainbed_mean_cov")
    ref.check(grad(f_t), "out.grad_t_domainbed_mean_cov")
