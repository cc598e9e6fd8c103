"""The formulas against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from naive import vlm as naive
from torch import Tensor

from ucdver_vlm.ad_clip import mean_entropy, text_divergence
from ucdver_vlm.base import prompt_ensemble, text_classifier
from ucdver_vlm.daprompt import domain_cross_entropy, pseudo_labels
from ucdver_vlm.image_tokens import ContentTokens, StyleTokens, layer_content, layer_style
from ucdver_vlm.weights_before import WeightsBefore


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class GivenTexts:
    """Gives prompts embeddings of length one that were drawn for them."""

    def __init__(self, table: dict[str, Tensor]) -> None:
        self.table = table

    def encode(self, texts: list[str]) -> Tensor:
        return torch.nn.functional.normalize(torch.stack([self.table[text] for text in texts]), dim=1)


def test_zero_shot_is_the_scaled_cosine_to_the_mean_of_normalised_prompts() -> None:
    table = {name: drawn(5, seed=i) * (i + 1) for i, name in enumerate("abcde")}
    prompts = [["a", "b", "c"], ["d", "e"]]
    texts = prompt_ensemble(GivenTexts(table), prompts)  # type: ignore[arg-type]
    expected = naive.ensemble([np.array([table[p].numpy() for p in own]) for own in prompts])
    assert np.allclose(texts.numpy(), expected)
    images = torch.nn.functional.normalize(drawn(4, 5, seed=9), dim=1)
    found = text_classifier(texts.float(), 14.0)(images.float())
    assert np.allclose(found.detach().numpy(), naive.zero_shot(images.numpy(), expected, 14.0), atol=1e-5)


@pytest.mark.parametrize("joint", [True, False])
def test_the_cross_entropy_of_class_and_domain(joint: bool) -> None:
    logits, domains, labels = drawn(6, 3, 4), torch.tensor([0, 1, 2, 2, 1, 0]), torch.tensor([3, 0, 1, 2, 3, 1])
    found = domain_cross_entropy(logits, domains, labels, joint)
    assert np.allclose(
        found.numpy(), naive.domain_cross_entropy(logits.numpy(), domains.tolist(), labels.tolist(), joint)
    )


@pytest.mark.parametrize(("threshold", "temperature"), [(0.5, 1.0), (0.7, 0.5), (0.0, 1.0), (0.99, 1.0)])
def test_the_loss_of_dapl(threshold: float, temperature: float) -> None:
    source, target, guess = drawn(5, 2, 3), drawn(6, 2, 3, seed=1), 2 * drawn(6, 3, seed=2)
    domains, labels = torch.zeros(5, dtype=torch.int64), torch.tensor([0, 1, 2, 0, 1])
    found, mask = pseudo_labels(guess, threshold, temperature)
    last = torch.ones(6, dtype=torch.int64)
    loss = domain_cross_entropy(source, domains, labels, True).mean()
    loss = loss + 0.7 * (mask * domain_cross_entropy(target, last, found, True)).mean()
    expected = naive.dapl(
        source.numpy(), domains.tolist(), labels.tolist(), target.numpy(), guess.numpy(), threshold, temperature, 0.7
    )
    assert float(loss) == pytest.approx(expected)


def test_a_probability_at_the_threshold_is_sure() -> None:
    labels, mask = pseudo_labels(torch.tensor([[0.0, 0.0], [0.0, -1e-3]]), 0.5, 1.0)
    assert mask.tolist() == [1, 1]
    assert labels.tolist() == [0, 0]


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_weights_between_before_and_after(share: float) -> None:
    layer = torch.nn.Sequential(torch.nn.Linear(3, 2)).double()
    before = WeightsBefore(layer)
    first = {name: p.detach().clone() for name, p in layer.named_parameters()}
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(drawn(*p.shape))
    found = before.towards(layer, share)
    assert set(found) == {"0.weight", "0.bias"}
    for name, p in layer.named_parameters():
        expected = naive.between(first[name].numpy(), p.detach().numpy(), share)
        assert np.allclose(found[name].detach().numpy().ravel(), expected)


def test_style_and_content_of_layers() -> None:
    layers = drawn(2, 3, 5, 4)
    style, content = layer_style(layers), layer_content(layers)
    for b in range(2):
        for i in range(3):
            assert np.allclose(style[b, i].numpy(), naive.style(layers[b, i].numpy()))
            assert np.allclose(content[b, i].numpy(), layers[b, i].numpy().sum(0) / 5)


def test_each_layer_has_a_token_of_its_own_and_contents_are_mixed() -> None:
    style = StyleTokens(depth=3, inputs=4, hidden=6, outputs=5, relu=True).double()
    given = drawn(2, 3, 4)
    changed = given.clone()
    changed[:, 1] += 1
    moved = (style(given) - style(changed)).abs().amax((0, 2))
    assert [bool(m) for m in moved] == [False, True, False]
    mixing = ContentTokens(depth=3, inputs=4, outputs=5, count=2).double()
    found = mixing(given)
    weight, bias = mixing.mixture.weight, mixing.mixture.bias
    for c in range(2):
        expected = sum(weight[c, i] * layer(given[:, i]) for i, layer in enumerate(mixing.layers)) + bias[c]
        assert torch.allclose(found[:, c], expected)
    assert not torch.allclose(found[:, 0], found[:, 1])


def test_the_divergence_of_texts_and_the_entropy_of_predictions() -> None:
    source, target, logits = drawn(3, 2, 5), drawn(3, 2, 5, seed=1), drawn(4, 3)
    assert float(text_divergence(source, target)) == pytest.approx(
        naive.text_divergence(source.numpy(), target.numpy())
    )
    assert float(text_divergence(source, source)) == pytest.approx(0)
    assert float(mean_entropy(logits)) == pytest.approx(naive.mean_entropy(logits.numpy()))
