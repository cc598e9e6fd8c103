"""Gradient reversal, its schedule, and the discriminator behind it."""

from __future__ import annotations

import math

import pytest
import torch

from ucdver_uda.domain_discriminator import DomainDiscriminator, domain_loss
from ucdver_uda.gradient_reversal import reversal_coefficient, reverse_gradient


@pytest.mark.parametrize("coefficient", [0.0, 0.3, 1.0])
def test_encoder_gets_the_negated_gradient_and_the_discriminator_its_own(coefficient: float) -> None:
    torch.manual_seed(0)
    encoder, discriminator = torch.nn.Linear(4, 5).double(), DomainDiscriminator(5, 6).double()
    images = torch.randn(9, 4, dtype=torch.float64)
    domain_loss(discriminator(encoder(images)), 5).backward()
    plain = [(p.grad.clone() if p.grad is not None else None) for p in encoder.parameters()]
    head = [p.grad.clone() for p in discriminator.parameters() if p.grad is not None]
    encoder.zero_grad()
    discriminator.zero_grad()
    domain_loss(discriminator(reverse_gradient(encoder(images), coefficient)), 5).backward()
    for parameter, gradient in zip(encoder.parameters(), plain, strict=True):
        torch.testing.assert_close(parameter.grad, -coefficient * gradient)  # type: ignore[operator]
    for parameter, gradient in zip(discriminator.parameters(), head, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_forward_changes_nothing() -> None:
    features = torch.randn(3, 2)
    assert torch.equal(reverse_gradient(features, 0.7), features)


def test_coefficient_is_the_papers() -> None:
    for tenth in range(11):
        p = tenth / 10
        assert reversal_coefficient(p) == pytest.approx(2 / (1 + math.exp(-10 * p)) - 1)
    assert reversal_coefficient(0.0) == 0.0


def test_discriminator_learns() -> None:
    """One unit under a softmax would give a zero gradient everywhere; this one learns to tell domains apart."""
    torch.manual_seed(0)
    discriminator = DomainDiscriminator(2, 16)
    features = torch.cat([torch.randn(32, 2), torch.randn(32, 2) + 3]).requires_grad_()
    loss = domain_loss(discriminator(features), 32)
    loss.backward()
    assert features.grad is not None and features.grad.abs().max() > 0
    assert discriminator(features).shape == (64,)
    # What a layer gets before batch normalisation cannot move the output, so its bias has no gradient to speak of.
    for name, parameter in discriminator.named_parameters():
        if name not in ("layers.0.bias", "layers.3.bias"):
            assert parameter.grad is not None and parameter.grad.abs().max() > 1e-6, name
    optimiser = torch.optim.SGD(discriminator.parameters(), lr=0.1)
    for _ in range(50):
        optimiser.zero_grad()
        domain_loss(discriminator(features.detach()), 32).backward()
        optimiser.step()
    assert domain_loss(discriminator(features), 32).item() < 0.25 < loss.item()
