"""Every formula against one written as plainly as the paper's, and what must hold of it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from naive.tgca import full_chain, softmax_enhancement, spectrum_gate, topic_attention, topic_means

from ucdver_tgca_pvt.fla import FrequencyGate, SqueezeGate
from ucdver_tgca_pvt.fusion import WHOLE_MAP, FusionAttention, FusionBlock
from ucdver_tgca_pvt.tgca import TopicContext, group_weights
from ucdver_tgca_pvt.tokens import class_row, enhance, gather, select


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(
    layers=st.integers(2, 7),
    grid=st.integers(2, 5),
    keys=st.integers(1, 6),
    heads=st.integers(1, 3),
    last=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_a_row_through_the_chain_is_row_0_of_the_whole_product(
    layers: int, grid: int, keys: int, heads: int, last: bool, seed: int
) -> None:
    count = grid**2 + 1
    width = count if last else keys + 1
    maps = [draw(2, heads, count, width, seed=seed + n).softmax(-1) for n in range(layers)]
    expected = full_chain(maps, last)[..., 0, 1:]
    torch.testing.assert_close(class_row(maps, last), expected, atol=1e-14, rtol=1e-10)


def test_chosen_patches_are_gathered_head_after_head() -> None:
    scores = torch.tensor([[[0.1, 0.9, 0.5], [0.7, 0.2, 0.3]]])
    indices = select(scores, 2)
    assert indices.tolist() == [[[1, 2], [0, 2]]]
    patches = torch.tensor([[[10.0], [11.0], [12.0]]])
    assert gather(patches, indices).flatten().tolist() == [11, 12, 10, 12]


@given(seed=st.integers(0, 10_000), count=st.integers(1, 9))
def test_the_softmax_of_lera_is_an_identity(seed: int, count: int) -> None:
    chosen, pool = draw(3, count, 4, seed=seed), draw(3, 11, 4, seed=seed + 1)
    for of in (chosen, pool):
        torch.testing.assert_close(enhance(chosen, of), softmax_enhancement(chosen, of))


@given(topics=st.lists(st.integers(-3, 3), min_size=1, max_size=7), seed=st.integers(0, 10_000))
def test_a_context_is_the_mean_over_the_pictures_of_a_topic(topics: list[int], seed: int) -> None:
    context = TopicContext(4).double()
    x = draw(len(topics), 5, 4, seed=seed)
    own = x + context.conv(x.transpose(1, 2)).transpose(1, 2)
    found = context(x, group_weights(torch.tensor(topics)))
    torch.testing.assert_close(found, topic_means(own, topics), atol=1e-6, rtol=1e-6)
    if len(set(topics)) == len(topics):
        torch.testing.assert_close(found, context(x, None))


def test_topic_guided_attention() -> None:
    attention = FusionAttention(12, 3, topic_guided=True).double()
    h, weights = draw(4, 6, 12), group_weights(torch.tensor([1, 2, 1, 3]))
    assert attention.context is not None
    agents = attention.query(h + attention.context(h, weights))
    parts = [x.unflatten(2, (3, 4)) for x in (attention.query(h), agents, attention.key(h), attention.value(h))]
    expected = torch.stack(
        [
            torch.cat([topic_attention(*(part[b, :, head] for part in parts)) for head in range(3)], dim=-1)
            for b in range(4)
        ]
    )
    torch.testing.assert_close(attention(h, weights), attention.out(expected))
    torch.testing.assert_close(attention(h, weights, first=1), attention.out(expected)[:, :1])


@pytest.mark.parametrize("tokens", [WHOLE_MAP, WHOLE_MAP + 1])
def test_the_first_token_is_the_same_whether_or_not_the_whole_map_is_made(tokens: int) -> None:
    attention = FusionAttention(12, 3, topic_guided=True).double()
    h = draw(2, tokens, 12)
    torch.testing.assert_close(attention(h, None, first=1), attention(h, None)[:, :1])


def test_the_fusion_block_of_the_first_token_is_that_of_all_tokens_cut_off() -> None:
    block = FusionBlock(12, 3, 24, 0.0, topic_guided=False).double()
    z = draw(2, 5, 12)
    every = z + block.attn(block.attention_norm(z), None)
    every = every + block.ffn(block.ffn_norm(every))
    torch.testing.assert_close(block(z, None), every[:, 0])


# Up to 64 pixels by a matrix, beyond by a fast transform.
@pytest.mark.parametrize(("height", "width"), [(6, 8), (5, 7), (4, 3), (1, 1), (8, 8), (9, 8), (11, 7)])
def test_the_full_frequency_gate_is_a_complex_matrix_at_each_frequency(height: int, width: int) -> None:
    gate = FrequencyGate(3, "full").double()
    with torch.no_grad():
        for parameter in gate.parameters():
            parameter.copy_(draw(*parameter.shape, seed=height))
    x = draw(2, 3, height, width)
    expected = torch.stack([spectrum_gate(one, gate.r, gate.i, gate.rb, gate.ib) for one in x])
    torch.testing.assert_close(gate(x), expected, atol=1e-6, rtol=1e-6)


def test_the_diagonal_gate_is_the_full_one_with_diagonal_matrices() -> None:
    diagonal, full = FrequencyGate(32, "diag").double(), FrequencyGate(32, "full").double()
    state = diagonal.state_dict()
    full.load_state_dict(state | {"r": state["r"].diag(), "i": state["i"].diag()})
    x = draw(2, 32, 6, 8)
    torch.testing.assert_close(diagonal(x), full(x))


@pytest.mark.parametrize("form", ["diag", "full"])
def test_without_parameters_the_gate_changes_nothing(form: str) -> None:
    gate = FrequencyGate(16, form)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in (gate.r, gate.i, gate.rb, gate.ib):
            parameter.zero_()
    x = torch.randn(2, 16, 9, 7)
    torch.testing.assert_close(gate(x), x)


def test_a_gate_that_was_asked_without_gradient_first_can_be_trained() -> None:
    gate = FrequencyGate(4)
    with torch.no_grad():
        gate.r.fill_(0.5)
        gate.rb.fill_(0.5)
    x = torch.ones(2, 4, 5, 6)
    with torch.inference_mode():
        gate(x)
    gate(x.requires_grad_()).sum().backward()
    assert gate.r.grad is not None
    assert gate.r.grad.abs().max() > 0


def test_half_precision_is_transformed_in_single() -> None:
    gate = FrequencyGate(3)
    x = torch.rand(1, 3, 24, 24)
    with torch.autocast("cpu", torch.bfloat16):
        found = gate(x.bfloat16())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), gate(x), atol=0.02, rtol=0.02)


def test_the_published_gate_of_a_picture_is_one_half_and_the_mended_one_looks_at_it() -> None:
    means = torch.rand(2, 3)
    assert torch.equal(SqueezeGate(3, 0)(means), torch.full((2, 3), 0.5))
    assert not list(SqueezeGate(3, 0).parameters())
    mending = SqueezeGate(3, 1)
    with torch.no_grad():
        for parameter in mending.parameters():
            parameter.fill_(1.0)
    mended = mending(means)
    assert not torch.allclose(mended[0], mended[1], atol=1e-6)
