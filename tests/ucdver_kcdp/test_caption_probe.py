"""The row that reads captions and no picture."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from ucdver import Batch, LabeledBatch, TaskInfo
from ucdver.backbones.convnet import build
from ucdver_kcdp.caption_probe import CaptionProbe, KCDPProbeConfig, ProbeConfig, SmallCaptionProbe

LENGTH, WIDTH, CLASSES = 4, 6, ("joy", "anger", "fear")
NAME = "kcdp_knowledge_hashed"


def knowledge(labels: Tensor) -> Tensor:
    """Return packed knowledge [B, 2 L, d + 1] whose caption tells the class: two tokens are real, others noise."""
    drawn = torch.Generator().manual_seed(0)
    packed = torch.randn(len(labels), 2 * LENGTH, WIDTH + 1, generator=drawn)
    packed[..., -1] = 0
    for start in (0, LENGTH):
        packed[:, start : start + 2, -1] = 1
    packed[:, :2, :WIDTH] += 4 * torch.eye(WIDTH)[labels][:, None]
    return packed


def probe(**options: str) -> CaptionProbe:
    task = TaskInfo(
        classes=CLASSES,
        source_domains=("toy:filled",),
        setting="uda",
        total_steps=100,
        bottleneck=8,
        dropout=0.0,
        extras={NAME: (2 * LENGTH, WIDTH + 1)},
    )
    return CaptionProbe(task, build("convnet_s", None, 3), KCDPProbeConfig(text_encoder="hashed", **options))


def batch(extras: Mapping[str, Tensor], labels: Tensor) -> Batch:
    ids = torch.arange(len(labels))
    images = torch.rand(len(labels), 3, 24, 24)
    return Batch(0, 100, "train", LabeledBatch(ids, images, labels, torch.zeros_like(ids), dict(extras)), None)


def test_it_learns_from_captions_and_does_not_look_at_pictures() -> None:
    labels = torch.arange(60) % 3
    extras = {NAME: knowledge(labels)}
    made = probe().train()
    optimiser = torch.optim.AdamW([p for group in made.parameter_groups() for p in group.parameters], lr=0.05)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = made.step(batch(extras, labels), 0.5)["total"]
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 < losses[0]
    made.eval()
    found = made.predict(torch.zeros(60, 3, 24, 24), extras)
    assert found.features.shape == (60, WIDTH)
    assert torch.equal(found.logits.argmax(1), labels)
    assert torch.equal(made.predict(torch.rand(60, 3, 24, 24), extras).logits, found.logits)
    assert torch.allclose(made.predict(torch.zeros(1, 3, 24, 24), {NAME: extras[NAME][7:8]}).logits, found.logits[7:8])


def test_only_real_tokens_of_the_named_part_are_read() -> None:
    extras = {NAME: knowledge(torch.tensor([0, 1, 2]))}
    images = torch.zeros(3, 3, 24, 24)
    for part, start, stop in (
        ("caption", 0, LENGTH),
        ("triples", LENGTH, 2 * LENGTH),
        ("caption+triples", 0, 2 * LENGTH),
    ):
        made = probe(knowledge=part).eval()
        real = extras[NAME][:, start:stop]
        wanted = (real[..., :-1] * real[..., -1:]).sum(1) / real[..., -1:].sum(1)
        # Standardised by the statistics that a new network has: mean 0, variance 1.
        assert torch.allclose(made.predict(images, extras).features, wanted, atol=1e-4), part


def test_a_caption_without_a_token_is_no_fault() -> None:
    packed = knowledge(torch.tensor([0, 1]))
    packed[..., -1] = 0
    assert torch.isfinite(probe().eval().predict(torch.zeros(2, 3, 24, 24), {NAME: packed}).logits).all()


@pytest.mark.parametrize(("encoder", "name"), [("clip", "kcdp_knowledge"), ("minilm", "kcdp_knowledge_minilm")])
def test_the_knowledge_is_that_of_kcdp(encoder: str, name: str) -> None:
    config = KCDPProbeConfig.model_validate({"text_encoder": encoder})
    assert CaptionProbe.needed_extras(config) == (name,)
    assert SmallCaptionProbe.needed_extras(ProbeConfig()) == ("kcdp_small_knowledge",)
