"""Experts, alignment and subspaces against formulas written apart, and by their properties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from naive import kcdp as naive
from torch import Tensor, nn

from ucdver import PseudoLabels, SpecError
from ucdver_kcdp.cesa import CESA, cca, local_cka
from ucdver_kcdp.cliea import CLIEA, contrastive_loss
from ucdver_kcdp.moe import MixtureOfExperts, Routed, balance_loss
from ucdver_kcdp.neck import PyramidNeck
from ucdver_kcdp.objective import Trade, target_losses
from ucdver_kcdp.prompts import emotion_prompts
from ucdver_kcdp.pseudo_labels import PseudoLabeller


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def array(values: Tensor) -> naive.Array:
    return values.detach().double().numpy()


def routed(gates: Tensor, top_k: int = 2, classes: int = 3) -> Routed:
    best, chosen = gates.topk(top_k, dim=1)
    return Routed(torch.zeros(len(gates), classes), gates, torch.zeros_like(gates).scatter(1, chosen, best), best)


@pytest.mark.parametrize("top_k", [1, 2, 4, 9])
def test_all_experts_at_once_are_the_loop_over_images_and_experts(top_k: int) -> None:
    torch.manual_seed(1)
    network, inputs = MixtureOfExperts(5, 3, experts=4, top_k=top_k, hidden=7), drawn(6, 5)
    experts = [
        tuple(array(p[e]) for p in (network.hidden_weight, network.hidden_bias, network.out_weight, network.out_bias))
        for e in range(4)
    ]
    expected = naive.mixture(
        array(inputs),
        array(network.gate.weight),
        array(network.gate.bias),
        experts,
        min(top_k, 4),  # type: ignore[arg-type]
    )
    assert np.allclose(array(network(inputs).logits), expected, atol=1e-5)


@given(st.integers(0, 1000), st.integers(1, 3))
def test_the_balance_loss_is_the_formula(seed: int, top_k: int) -> None:
    gates = drawn(8, 4, seed=seed).softmax(1)
    found = float(balance_loss(routed(gates, top_k), "importance"))
    assert found == pytest.approx(naive.importance(array(gates), top_k), rel=1e-4)


def test_the_balance_loss_measures_balance_and_the_released_one_does_not() -> None:
    collapsed = torch.tensor([[0.6, 0.3, 0.05, 0.05]]).repeat(4, 1)
    even = torch.stack([collapsed[0].roll(i) for i in range(4)])
    for form, at_even in (("importance", 0.0), ("switch", 1.0)):
        assert float(balance_loss(routed(even), form)) == pytest.approx(at_even, abs=1e-6)  # type: ignore[arg-type]
        assert float(balance_loss(routed(collapsed), form)) > at_even + 0.5  # type: ignore[arg-type]
    released = [float(balance_loss(routed(gates), "released")) for gates in (even, collapsed)]
    assert released[0] == pytest.approx(released[1])
    # |S1 - S2| / 2 with Bessel's correction for 2 x 3 numbers.
    assert released[0] == pytest.approx(4 * (0.6 - 0.3) / 2 * (6 / 5) ** 0.5)
    twice = float(balance_loss(routed(even.repeat(2, 1)), "released"))
    assert twice == pytest.approx(2 * released[0])
    assert float(balance_loss(routed(even), "none")) == 0


def test_descending_the_balance_loss_spreads_the_images() -> None:
    torch.manual_seed(0)
    gate, inputs = nn.Linear(6, 4), drawn(64, 6)
    with torch.no_grad():
        gate.bias[0] = 4.0
    optimiser = torch.optim.SGD(gate.parameters(), lr=0.3)
    losses = []
    for _ in range(60):
        loss = balance_loss(routed(gate(inputs).softmax(1)), "importance")
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("pool", ["mean", "masked_mean", "label_tokens"])
def test_the_emotional_embeddings_are_pooled_self_attention(pool: str) -> None:
    torch.manual_seed(2)
    prompts, knowledge = drawn(3, 2, 8), drawn(2, 4, 8, seed=1)
    prompt_mask, mask = torch.tensor([[1.0, 1], [1, 0], [1, 1]]), torch.tensor([[1.0, 1, 0, 0], [1, 1, 1, 1]])
    made = CLIEA(5, prompts, prompt_mask, pool, heads=2)  # type: ignore[arg-type]
    nn.init.normal_(made.attention.in_proj_bias)
    found = made.emotions(knowledge, mask)
    own = made.attention
    for b in range(2):
        for k in range(3):
            tokens = array(torch.cat([prompts[k], knowledge[b]]))
            whole = naive.align(
                tokens,
                array(own.in_proj_weight),
                array(own.in_proj_bias),
                array(own.out_proj.weight),
                array(own.out_proj.bias),
                2,
            )
            real = [*prompt_mask[k].tolist(), *mask[b].tolist()]
            chosen = {
                "mean": range(6),
                "masked_mean": [i for i in range(6) if real[i]],
                "label_tokens": [i for i in range(2) if real[i]],
            }[pool]
            assert np.allclose(array(found[b, k]), np.mean([whole[i] for i in chosen], axis=0), atol=1e-5)


def test_the_contrast_is_against_the_counterfactual_prompts() -> None:
    logits = torch.tensor([[2.0, 0.0, 0.0]], requires_grad=True)
    labels = torch.tensor([0])
    (gradient,) = torch.autograd.grad(contrastive_loss(logits, labels), logits)
    assert gradient[0, 0] < 0 < gradient[0, 1]
    alone = contrastive_loss(logits, labels, counterfactuals=False, scale=0.1)
    assert float(alone.detach()) == pytest.approx(1 - 0.2)
    (gradient,) = torch.autograd.grad(alone, logits)
    assert gradient[0].tolist() == pytest.approx([-0.1, 0, 0])


def test_alignment_can_be_learnt() -> None:
    torch.manual_seed(0)
    made = CLIEA(6, drawn(3, 2, 8), torch.ones(3, 2), heads=2)
    visual, knowledge, labels = drawn(12, 6), drawn(12, 4, 8, seed=3), torch.arange(12) % 3
    visual = visual + 3 * torch.eye(3).repeat(1, 2)[labels]
    optimiser = torch.optim.Adam(made.parameters(), lr=0.02)
    for _ in range(80):
        loss = contrastive_loss(made(visual, knowledge, torch.ones(12, 4)), labels)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert PseudoLabeller(3)(made(visual, knowledge, torch.ones(12, 4))).labels.tolist() == labels.tolist()


@given(st.integers(0, 1000))
def test_local_cka_is_the_cka_of_the_anchors_and_one_pair(seed: int) -> None:
    x, y = drawn(7, 3, seed=seed), drawn(7, 3, seed=seed + 1)
    new_x, new_y = drawn(2, 3, seed=seed + 2), drawn(2, 4, 3, seed=seed + 3)
    found = local_cka(x, y, new_x, new_y)
    for b in range(2):
        for k in range(4):
            both = (torch.cat([x, new_x[b : b + 1]]), torch.cat([y, new_y[b, k : k + 1]]))
            assert float(found[b, k]) == pytest.approx(naive.linear_cka(*map(array, both)), rel=1e-3, abs=1e-5)


def test_canonical_directions_whiten_and_decorrelate() -> None:
    shared = drawn(4000, 2)
    x = torch.cat([shared, drawn(4000, 2, seed=1)], dim=1) @ drawn(4, 4, seed=2)
    y = torch.cat([shared + 0.1 * drawn(4000, 2, seed=3), drawn(4000, 3, seed=4)], dim=1) @ drawn(5, 5, seed=5)
    x, y = x - x.mean(0), y - y.mean(0)
    xx, yy, xy = x.T @ x / 4000, y.T @ y / 4000, x.T @ y / 4000
    to_x, to_y = cca(xx, yy, xy, rank=3, ridge=0.0)
    assert torch.allclose(to_x.T @ xx @ to_x, torch.eye(3), atol=1e-3)
    assert torch.allclose(to_y.T @ yy @ to_y, torch.eye(3), atol=1e-3)
    correlations = to_x.T @ xy @ to_y
    assert torch.allclose(correlations, correlations.diagonal().diag(), atol=1e-3)
    assert correlations.diagonal()[:2].min() > 0.95
    assert correlations.diagonal()[2] < 0.2


def test_cesa_tells_the_prompt_that_belongs_to_an_image_after_source_batches() -> None:
    torch.manual_seed(0)
    prompts = drawn(3, 2, 8) * 2
    made = CESA(6, prompts, torch.ones(3, 2), rank=2, anchors=48)
    directions = drawn(3, 6, seed=9) * 2

    def pairs(seed: int) -> tuple[Tensor, Tensor, Tensor]:
        labels = torch.arange(24) % 3
        return directions[labels] + 0.3 * drawn(24, 6, seed=seed), 0.3 * drawn(24, 4, 8, seed=seed + 1), labels

    for step in range(200):
        visual, knowledge, labels = pairs(step)
        made.observe(visual, knowledge, torch.ones(24, 4), labels)
    made.refit()
    visual, knowledge, labels = pairs(999)
    found = made(visual, knowledge, torch.ones(24, 4)).argmax(1)
    assert float((found == labels).float().mean()) > 0.9


def test_cesa_forgets_how_it_began_at_the_first_batch() -> None:
    """Small features must not be lost beside the identity that the covariances begin as."""
    torch.manual_seed(0)
    made = CESA(3, drawn(2, 2, 4), torch.ones(2, 2), rank=2, anchors=8)
    batches = [(1e-3 * drawn(10, 3, seed=s), 1e-3 * drawn(10, 4, 4, seed=s + 50)) for s in range(3)]
    for visual, knowledge in batches:
        made.observe(visual, knowledge, torch.ones(10, 4), torch.arange(10) % 2)
    mean = torch.zeros(3)
    expected = torch.zeros(3, 3)
    for n, (visual, _) in enumerate(batches, start=1):
        mean = mean + (visual.mean(0) - mean) / n
        expected = expected + ((visual - mean).T @ (visual - mean) / 10 - expected) / n
    torch.testing.assert_close(made.mean_v, mean)
    torch.testing.assert_close(made.vv, expected)


def test_heads_that_do_not_divide_the_width_are_refused_in_words() -> None:
    with pytest.raises(SpecError, match="3 heads do not divide the prompts' 8 channels; set another 'heads'"):
        CLIEA(4, drawn(2, 2, 8), torch.ones(2, 2), heads=3)


def test_pseudo_labels_are_weighed_by_confidence_and_rarity() -> None:
    logits = torch.tensor([[4.0, 0, 0], [0.1, 0, 0], [0, 5.0, 0]])
    assert PseudoLabeller(3)(logits).weights.tolist() == [1, 1, 1]
    assert PseudoLabeller(3, confidence=0.9)(logits).weights.tolist() == [1, 0, 1]
    balanced = PseudoLabeller(3, balance=2.0).train()
    for _ in range(300):
        found = balanced(logits)
    # Two of three are class 0: it is weighed by 1 / (3 * 2/3), class 1 by 1 / (3 * 1/3).
    assert found.weights.tolist() == pytest.approx([0.5, 0.5, 1.0], abs=0.05)
    before = balanced.frequency.clone()
    balanced.eval()(logits)
    assert torch.equal(before, balanced.frequency)


def test_what_is_not_believed_gives_no_gradient() -> None:
    logits = torch.zeros(4, 3, requires_grad=True)
    gates = torch.ones(4, 1)
    pseudo = PseudoLabels(torch.tensor([0, 1, 2, 0]), torch.tensor([1.0, 0, 0, 1]), torch.ones(4))
    losses = target_losses(Routed(logits, gates, gates, gates), pseudo, Trade(form="none"))
    losses["target_total"].backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.abs().sum(1).gt(0).tolist() == [True, False, False, True]
    assert float(losses["believed"]) == 0.5


def test_prompts() -> None:
    assert emotion_prompts(["surprise", "joy", "sadness"]) == [
        "A surprise photo of",
        "A happy photo of",
        "A sad photo of",
    ]
    assert emotion_prompts(["very_sad"], "It is {}.") == ["It is very sad."]


@pytest.mark.parametrize("sizes", [((16, 16), (8, 8), (4, 4), (2, 2)), ((13, 9), (7, 5), (4, 3)), ((1, 1), (1, 1))])
def test_the_pooled_pyramid_is_the_mean_of_the_pyramid(sizes: tuple[tuple[int, int], ...]) -> None:
    torch.manual_seed(0)
    channels = [5, 7, 6, 4][: len(sizes)]
    made = PyramidNeck(channels, 3)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)
    features = [torch.randn(2, c, *size, requires_grad=True) for c, size in zip(channels, sizes, strict=True)]
    found = made(features)
    expected = torch.cat([level.mean((2, 3)) for level in made.pyramid(features)], dim=1)
    assert torch.allclose(found, expected, atol=1e-5)
    weights = [*made.parameters(), *features]
    for a, b in zip(
        torch.autograd.grad(found.square().sum(), weights),
        torch.autograd.grad(expected.square().sum(), weights),
        strict=True,
    ):
        assert torch.allclose(a, b, atol=1e-3)


def naive_cells(scale: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Return [B, C, rows, columns]: the mean of each cell, cell by cell."""
    height, width = scale.shape[2:]
    means = torch.empty(*scale.shape[:2], rows, columns)
    for row in range(rows):
        top, bottom = row * height // rows, -(-(row + 1) * height // rows)
        for column in range(columns):
            left, right = column * width // columns, -(-(column + 1) * width // columns)
            means[:, :, row, column] = scale[:, :, top:bottom, left:right].mean((2, 3))
    return means


def naive_spread(level: torch.Tensor, grid: int) -> torch.Tensor:
    """Return [B, C, grid, grid]: each cell the value of the pixel that it lies in."""
    height, width = level.shape[2:]
    spread = torch.empty(*level.shape[:2], grid, grid)
    for row in range(grid):
        for column in range(grid):
            spread[:, :, row, column] = level[:, :, row * height // grid, column * width // grid]
    return spread


@pytest.mark.parametrize("sizes", [((16, 16), (8, 8), (4, 4), (2, 2)), ((13, 9), (7, 5), (4, 3))])
@pytest.mark.parametrize("grid", [2, 4])
def test_a_grid_is_a_pyramid_of_the_means_of_cells(sizes: tuple[tuple[int, int], ...], grid: int) -> None:
    torch.manual_seed(0)
    channels = [5, 7, 6, 4][: len(sizes)]
    made = PyramidNeck(channels, 3, grid)
    features = [torch.randn(2, c, *size) for c, size in zip(channels, sizes, strict=True)]
    found = made(features)
    assert found.shape == (2, made.num_features)
    cells = [naive_cells(f, min(grid, f.shape[2]), min(grid, f.shape[3])) for f in features]
    expected = torch.cat([naive_spread(level, grid).flatten(1) for level in made.pyramid(cells)], dim=1)
    torch.testing.assert_close(found, expected)
