"""What each step hands to its formula: which domain, which view, which neighbours, which network."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from naive import adaptation as naive
from naive.batches import vector_backbone, vector_batch, vector_task
from support.tiny_runs import prepared
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import Batch, LabeledBatch, Method, Prediction, TaskInfo, Views
from ucdver_uda.aad import AaD
from ucdver_uda.adamatch import AdaMatch, aligned_labels
from ucdver_uda.afn import AFN
from ucdver_uda.coral_dg import CoralDG
from ucdver_uda.deep_jdot import DeepJDOT, transport_plan
from ucdver_uda.ema import EMA
from ucdver_uda.erm_aug import ERMAug
from ucdver_uda.fixmatch import FixMatch
from ucdver_uda.jan import JAN
from ucdver_uda.mdd import MDD
from ucdver_uda.mean_teacher import MeanTeacher
from ucdver_uda.ssrt import SSRT
from ucdver_uda.toalign import ToAlign, positive_features

#: Unequal, so that source and target cannot stand in for each other.
N, M = 6, 4
LABELS = torch.arange(N) % 3


def images() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    source = torch.randn(N, 5, generator=generator, dtype=torch.float64)
    return source, 1.5 * torch.randn(M, 5, generator=generator, dtype=torch.float64) + 0.5


def made(cls: type[Method], config: dict[str, Any]) -> tuple[Method, Batch]:
    """Return a method on vectors, in double precision and without dropout, and a batch of 6 and 4 of them."""
    torch.manual_seed(0)
    method = cls(vector_task(), vector_backbone(5), cls.Config(**config)).double().train()
    for module in method.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    source, target = images()
    return method, vector_batch(source, LABELS, target, step=1)


def features_of(method: Method) -> Tensor:
    """Return the features of source and target from one joint pass."""
    with torch.no_grad():
        return method.forward_features(torch.cat(images()))


def strong(values: Tensor) -> Tensor:
    """Stand in for the strong view of a vector."""
    return 1 - 2 * values


def test_mdd_repeats_the_source_and_contradicts_the_target() -> None:
    method, batch = made(MDD, {"margin": 3.0})
    f = features_of(method)
    with torch.no_grad():
        main, adversary = method.classify(f).numpy(), method.adversary(f).softmax(1).numpy()  # type: ignore[operator]
    best = main.argmax(1)
    agreed = np.mean([np.log(adversary[i, best[i]]) for i in range(N)])
    contradicted = np.mean([np.log(1 - adversary[i, best[i]]) for i in range(N, N + M)])
    assert method.step(batch, 0.5)["mdd"].item() == pytest.approx(3.0 * agreed + contradicted, rel=1e-5)


def test_deep_jdot_carries_source_labels_to_target_predictions() -> None:
    method, batch = made(DeepJDOT, {"alpha": 0.3, "beta": 0.7})
    f = features_of(method)
    with torch.no_grad():
        log_p = method.classify(f).log_softmax(1)
    cost = torch.tensor(
        [
            [0.3 * float((f[i] - f[N + j]).square().sum()) - 0.7 * float(log_p[N + j, LABELS[i]]) for j in range(M)]
            for i in range(N)
        ],
        dtype=torch.float64,
    )
    expected = float((transport_plan(cost, 0.05, 50) * cost).sum())
    assert method.step(batch, 0.5)["transport"].item() == pytest.approx(expected)


def test_afn_lets_the_norms_of_both_domains_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    method, batch = made(AFN, {"delta": 0.5})
    f = features_of(method).requires_grad_()
    monkeypatch.setattr(method, "forward_features", lambda images: f)
    method.step(batch, 0.5)["step"].backward()
    counts = torch.tensor([N] * N + [M] * M, dtype=torch.float64)[:, None]
    torch.testing.assert_close(f.grad, -2 * 0.5 * f.detach() / (counts * f.detach().norm(dim=1, keepdim=True)))


def test_toalign_weighs_and_compares_positive_source_features_with_the_target() -> None:
    method, batch = made(ToAlign, {"hidden": 8})
    f = features_of(method)
    with torch.no_grad():
        positive = positive_features(f[:N], method.head.weight, LABELS)
        read = method.classify(torch.cat([positive, f[N:]]))
        logits = method.discriminator(read.softmax(1)).tolist()  # type: ignore[operator]
    expected = naive.domain_loss(logits, N, naive.joint_weights(read.numpy()))
    assert method.step(batch, 0.5)["domain"].item() == pytest.approx(expected)


def test_the_gradient_of_positive_features_goes_through_their_length_and_not_into_the_classifier() -> None:
    f, weight = torch.randn(N, 5, dtype=torch.float64), torch.randn(3, 5, dtype=torch.float64)

    def kept_length(features: Tensor) -> Tensor:
        product = features * weight[LABELS]
        return product * (features.norm(dim=1) / product.norm(dim=1))[:, None]

    found, expected = (
        torch.autograd.functional.jacobian(function, f)
        for function in (lambda x: positive_features(x, weight, LABELS), kept_length)
    )
    torch.testing.assert_close(found, expected)
    watched = weight.clone().requires_grad_()
    assert not positive_features(f, watched, LABELS).requires_grad


def test_fixmatch_teaches_strong_views_what_weak_ones_say() -> None:
    method, batch = made(FixMatch, {"threshold": 0.4})
    method.strong = strong  # type: ignore[assignment]
    target = images()[1]
    with torch.no_grad():
        weak, hard = method(target).softmax(1), method(strong(target)).log_softmax(1)
    parts = [float(-hard[j, weak[j].argmax()]) if weak[j].max() > 0.4 else 0.0 for j in range(M)]
    assert sum(part > 0 for part in parts) > 0
    assert method.step(batch, 0.5)["target"].item() == pytest.approx(sum(parts) / M)


def test_mean_teacher_compares_a_student_on_strong_views_with_a_teacher_on_weak_ones() -> None:
    method, batch = made(MeanTeacher, {"confidence": 0.0, "decay": 0.5})
    method.strong = strong  # type: ignore[assignment]
    with torch.no_grad():
        for parameter in method.teacher.parameters():  # type: ignore[union-attr]
            parameter.mul_(3.0)
    found = method.step(batch, 0.5)["target"].item()
    target = images()[1]
    with torch.no_grad():
        teacher, student = method.teacher(target)[1].softmax(1), method(strong(target)).softmax(1)  # type: ignore[operator]
    assert not torch.allclose(teacher, method(target).softmax(1), atol=1e-3)
    assert found == pytest.approx(float((student - teacher).square().mean()))


def test_adamatch_aligns_weak_target_views_by_weak_source_views() -> None:
    method, batch = made(AdaMatch, {"threshold": 0.5})
    method.strong = strong  # type: ignore[assignment]
    source, target = images()
    with torch.no_grad():
        sources = torch.cat([source, strong(source)])
        joint, alone = method(torch.cat([sources, target, strong(target)])), method(sources)
        torch.manual_seed(5)
        weight = torch.rand_like(joint[: 2 * N])
        mixed = weight * joint[: 2 * N] + (1 - weight) * alone
        wanted, mask = aligned_labels(mixed[:N], joint[2 * N : 2 * N + M], 0.5)
        hard = joint[2 * N + M :].log_softmax(1)
        torch.manual_seed(5)
        losses = method.step(batch, 0.5)
    labels = LABELS.tolist()
    both = naive.cross_entropy(mixed[:N].numpy(), labels) + naive.cross_entropy(mixed[N:].numpy(), labels)
    assert losses["source"].item() == pytest.approx(both)
    assert losses["target"].item() == pytest.approx(float(-(mask * (wanted * hard).sum(1)).mean()))


def test_aad_asks_the_nearest_of_all_target_images() -> None:
    torch.manual_seed(0)
    method = AaD(vector_task(), vector_backbone(5), AaD.Config(neighbours=2, beta=1.0)).double().train()
    method.start_phase("adapt")
    everything = torch.randn(9, 5, dtype=torch.float64)
    with torch.no_grad():
        features, logits = (part.double() for part in method.predict(everything, {}))
    method.on_epoch(Views(None, None, Prediction(features, logits)), 0)
    banks = F.normalize(features, dim=1), logits.softmax(1)
    ids = torch.tensor([7, 2, 5, 3])
    batch = vector_batch(everything[ids], torch.zeros(M, dtype=torch.int64), everything[ids])
    batch.target.ids.copy_(ids)
    with torch.no_grad():
        own = method.forward_features(everything[ids])
        p = method.classify(own).softmax(1)
        banks[0][ids], banks[1][ids] = F.normalize(own, dim=1), p
        losses = method.adapt(batch, 0.5)
    attracted = 0.0
    for row, i in enumerate(ids.tolist()):
        near = sorted((j for j in range(9) if j != i), key=lambda j: -float(banks[0][i] @ banks[0][j]))[:2]
        attracted -= sum(float(p[row] @ banks[1][j]) for j in near) / M
    assert losses["attraction"].item() == pytest.approx(attracted, rel=1e-5)


def test_coral_dg_compares_the_domains_of_a_batch() -> None:
    task = TaskInfo(("x", "y", "z"), ("d:a", "d:b", "d:c"), "uc", 100, bottleneck=8)
    torch.manual_seed(0)
    method = CoralDG(task, vector_backbone(5), CoralDG.Config()).double().train()
    source = torch.randn(9, 5, dtype=torch.float64)
    domains, labels = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 0]), torch.arange(9) % 3
    with torch.no_grad():
        f = method.forward_features(source).numpy()
        losses = method.step(Batch(0, 100, "train", LabeledBatch(labels, source, labels, domains), None), 0.5)
    parts = [f[domains.numpy() == d] for d in range(3)]
    apart = [
        ((a.mean(0) - b.mean(0)) ** 2).mean() + ((np.cov(a.T) - np.cov(b.T)) ** 2).mean()
        for a, b in combinations(parts, 2)
    ]
    assert losses["coral"].item() == pytest.approx(float(np.mean(apart)))


def test_erm_aug_learns_from_strong_views_alone() -> None:
    method, batch = made(ERMAug, {})
    method.strong = strong  # type: ignore[assignment]
    with torch.no_grad():
        expected = F.cross_entropy(method(strong(images()[0])), LABELS)
        assert method.step(batch, 0.5)["total"].item() == pytest.approx(float(expected))


@pytest.mark.parametrize(("cls", "copy"), [(EMA, "average"), (MeanTeacher, "teacher")])
def test_the_average_predicts(cls: type[Method], copy: str) -> None:
    method, _ = made(cls, {})
    other = method.get_submodule(copy)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.5)
    method.eval()
    target = images()[1]
    with torch.no_grad():
        found, expected = method.predict(target, {}), other(target)
    torch.testing.assert_close(found.logits, expected[1])
    assert not torch.allclose(found.logits, method(target))


def test_what_ssrt_refines_is_the_disturbance_and_not_the_batch_it_stands_in() -> None:
    for alpha, least, most in ((0.0, 0.0, 1e-9), (0.5, 1e-5, 10.0)):
        method, batch = prepared(SSRT, "uda", {"hidden": 8, "alpha": alpha, "confidence": 0.0, "safe": False}, step=5)
        refined = method.step(batch, 0.5)["refinement"].item()
        assert least <= refined <= most


def test_ssrt_moves_target_tokens_towards_other_target_images_alone() -> None:
    """With a strength of 1 a disturbed image is another one of the target, from the first block on."""
    method, batch = prepared(SSRT, "uda", {"hidden": 8}, step=5)
    assert isinstance(method, SSRT)
    method.places = (0,)
    method.eval()
    both = torch.cat([batch.sources.images, batch.target.images])
    count = len(batch.target.images)
    with torch.no_grad():
        features = method.with_disturbed(both, count, torch.ones(()))
        torch.testing.assert_close(features[:-count], method.forward_features(both))
    clean, moved = features[-2 * count : -count], features[-count:]
    distances = torch.cdist(moved, clean)
    assert float(distances.min(1).values.max()) < 1e-4
    assert sorted(distances.argmin(1).tolist()) == list(range(count))


def test_jan_a_begins_as_jan() -> None:
    """Its maps are the identity at first, as in TLlib; random ones would shrink what the bandwidth was chosen for."""
    plain, batch = made(JAN, {})
    adversarial, _ = made(JAN, {"adversarial": True})
    adversarial.load_state_dict(plain.state_dict(), strict=False)
    found, expected = (method.step(batch, 0.5)["mmd"].item() for method in (adversarial, plain))
    assert found == pytest.approx(expected)
