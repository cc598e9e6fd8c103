"""KCDP of a few thousand random weights, and a batch for it."""

from __future__ import annotations

from typing import Any

import torch

from ucdver import Backbone, Batch, LabeledBatch, TaskInfo, UnlabeledBatch
from ucdver_kcdp.config import KCDPConfig
from ucdver_kcdp.method import KCDP

SMALL = dict(KCDP.contract_options)
CLASSES = ("joy", "sadness", "fear")
TOKENS, WIDTH, SIZE = 32, 32, 16


def method(setting: str = "uda", extras: dict[str, tuple[int, ...]] | None = None, **options: Any) -> KCDP:
    config = KCDPConfig(**{**SMALL, **options})
    shapes = {"kcdp_knowledge_hashed": (TOKENS, WIDTH + 1)} if extras is None else extras
    task = TaskInfo(CLASSES, ("source",), setting, 10, extras=shapes)
    torch.manual_seed(0)
    return KCDP(task, Backbone(torch.nn.Identity(), 4, (0.0,), (1.0,)), config)


def batch(count: int = 6, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)

    def extras() -> dict[str, torch.Tensor]:
        mask = (torch.rand(count, TOKENS, 1, generator=generator) < 0.7).float()
        mask[:, 0] = 1
        tokens = torch.randn(count, TOKENS, WIDTH, generator=generator) * mask
        return {"kcdp_knowledge_hashed": torch.cat([tokens, mask], dim=2)}

    def images() -> torch.Tensor:
        return torch.rand(count, 3, SIZE, SIZE, generator=generator)

    ids = torch.arange(count)
    source = LabeledBatch(ids, images(), ids % 3, torch.zeros_like(ids), extras())
    return Batch(0, 10, "train", source, UnlabeledBatch(ids, images(), extras()))
