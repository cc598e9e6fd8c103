"""Two-dimensional toys that training must solve, or there is no adversary at all."""

from __future__ import annotations

import pytest
import torch
from naive.batches import vector_backbone, vector_batch, vector_task
from sklearn.linear_model import LogisticRegression

from ucdver import Method
from ucdver.methods.source_only import SourceOnly
from ucdver_uda.cdan import CDAN
from ucdver_uda.dann import DANN

STEPS = 300


def draw(count: int, shift: float, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Two classes left and right; the domains differ by `shift` along the other axis."""
    labels = torch.randint(0, 2, (count,), generator=generator)
    noise = 0.5 * torch.randn(count, 2, generator=generator)
    return noise + torch.stack([4.0 * labels - 2.0, torch.full((count,), shift)], dim=1), labels


def trained(method: Method) -> Method:
    generator = torch.Generator().manual_seed(1)
    optimiser = torch.optim.SGD(method.parameters(), lr=0.05, momentum=0.9)
    method.train()
    for step in range(STEPS):
        source, labels = draw(32, 0.0, generator)
        target, _ = draw(32, 2.0, generator)
        optimiser.zero_grad()
        method.step(vector_batch(source, labels, target, step, STEPS), step / STEPS)["total"].backward()
        optimiser.step()
    return method.eval()


def measure(method: Method) -> tuple[float, float]:
    """Return how well a fresh linear probe tells the domains apart, and the accuracy on the target."""
    generator = torch.Generator().manual_seed(2)
    (source, _), (target, labels) = draw(400, 0.0, generator), draw(400, 2.0, generator)
    with torch.no_grad():
        features = method.forward_features(torch.cat([source, target])).numpy()
        accuracy = (method(target).argmax(1) == labels).float().mean().item()
    domains = [1] * 400 + [0] * 400
    fit, held = slice(None, None, 2), slice(1, None, 2)
    probe = LogisticRegression(max_iter=1000).fit(features[fit], domains[fit])
    return float(probe.score(features[held], domains[held])), accuracy


@pytest.fixture(scope="module")
def source_only() -> tuple[float, float]:
    torch.manual_seed(0)
    task = vector_task(bottleneck=16, classes=2)
    return measure(trained(SourceOnly(task, vector_backbone(2), SourceOnly.Config())))


@pytest.mark.parametrize("cls", [DANN, CDAN])
def test_domains_can_no_longer_be_told_apart(cls: type[Method], source_only: tuple[float, float]) -> None:
    torch.manual_seed(0)
    task = vector_task(bottleneck=16, classes=2)
    method = trained(cls(task, vector_backbone(2), cls.Config(hidden=32)))  # type: ignore[call-arg]
    apart, accuracy = measure(method)
    assert source_only[0] > 0.9
    assert apart < 0.65
    assert accuracy > 0.95
