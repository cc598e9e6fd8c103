"""A two-dimensional toy on which gradient reversal must confuse the discriminator, or it does nothing."""

from __future__ import annotations

import pytest
import torch
from naive.batches import vector_batch, vector_task
from torch import Tensor, nn

from ucdver import Backbone, Method
from ucdver_uda.cdan import CDAN
from ucdver_uda.dann import DANN

STEPS, LAST = 600, 100


class Encoder(Backbone):
    """Two layers on points [B, 2]."""

    def __init__(self) -> None:
        body = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 8))
        super().__init__(body, 8, mean=(0.0,), std=(1.0,))

    def forward(self, images: Tensor) -> Tensor:
        """Return features [B, 8]."""
        features: Tensor = self.body(images)
        return features


def draw(count: int, shift: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two classes left and right; the domains differ by `shift` along the other axis."""
    labels = torch.randint(0, 2, (count,), generator=generator)
    noise = 0.5 * torch.randn(count, 2, generator=generator)
    return noise + torch.stack([4.0 * labels - 2.0, torch.full((count,), shift)], dim=1), labels


def discriminator_accuracy(method: Method, reversing: bool) -> tuple[float, float]:
    """Train; return the discriminator's accuracy on fresh points, mean of the last steps, and the target's at the end.

    Without `reversing`, progress stays 0 and so does the coefficient: the encoder is trained by cross entropy
    alone.
    """
    generator = torch.Generator().manual_seed(1)
    optimiser = torch.optim.SGD(method.parameters(), lr=0.05)
    read: list[Tensor] = []
    handle = method.get_submodule("discriminator").register_forward_hook(lambda _m, _i, out: read.append(out))
    method.train()
    right = 0.0
    for step in range(STEPS):
        (source, labels), (target, _) = draw(64, 0.0, generator), draw(64, 2.0, generator)
        optimiser.zero_grad()
        batch = vector_batch(source, labels, target, step, STEPS)
        method.step(batch, step / STEPS if reversing else 0.0)["total"].backward()
        optimiser.step()
        # The batch is new to the discriminator: it was read before the update.
        logits = read.pop()
        if step >= STEPS - LAST:
            right += ((logits[:64] > 0).sum() + (logits[64:] < 0).sum()).item() / (128 * LAST)
    handle.remove()
    target, labels = draw(400, 2.0, generator)
    with torch.no_grad():
        return right, (method.eval()(target).argmax(1) == labels).float().mean().item()


@pytest.mark.parametrize("cls", [DANN, CDAN])
def test_discriminator_is_confused_by_reversal_and_only_by_reversal(cls: type[Method]) -> None:
    outcomes = []
    for reversing in (True, False):
        torch.manual_seed(0)
        method = cls(vector_task(bottleneck=0, classes=2), Encoder(), cls.Config(hidden=32))  # type: ignore[call-arg]
        outcomes.append(discriminator_accuracy(method, reversing))
    (confused, adapted), (apart, _) = outcomes
    assert apart > 0.9
    assert abs(confused - 0.5) < 0.12
    assert adapted > 0.95
