"""SSRT: a vision transformer that keeps its predictions when tokens are disturbed (Sun et al., CVPR 2022)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, MethodConfig, SpecError, TaskInfo, both_images
from ucdver_uda.domain_discriminator import DomainDiscriminator, domain_loss
from ucdver_uda.gradient_reversal import reversal_coefficient, reverse_gradient
from ucdver_uda.safe_training import SafeTraining


def refinement_loss(clean: Tensor, disturbed: Tensor, forward: bool, confidence: float) -> Tensor:
    """Return mean_b 1[max p_b > confidence] KL(p_b || q_b) over the images that count, a scalar.

    p, without gradient, is the softmax of the `clean` logits [B, K] and q that of the `disturbed` ones; the other way
    round without `forward`. It is 0 where no image counts.
    """
    teacher, student = (clean, disturbed) if forward else (disturbed, clean)
    wanted = teacher.detach().log_softmax(1)
    divergence = F.kl_div(student.log_softmax(1), wanted, reduction="none", log_target=True).sum(1)
    mask = (wanted.exp().max(1).values > confidence).to(divergence.dtype)
    return (mask * divergence).sum() / mask.sum().clamp_min(1.0)


class SSRT(Method):
    """A domain discriminator, and the same predictions for disturbed target tokens, with a safeguard.

    L = CE(source) + trade_off_domain * domain_loss + r * trade_off * refinement_loss. The disturbance adds r * alpha
    times the difference to another target image's tokens before a random block; source, target and disturbed target
    share one batch, so that batch statistics are no disturbance. r ramps up, and when predictions lose diversity
    `SafeTraining` takes the weights back to the last snapshot and the ramp to its start; without it r is 1.

    The authors' heads have two layers and dropout, and their refinement's teacher is not held constant.

    Paper: Sun et al., Safe Self-Refinement for Transformer-based Domain Adaptation, CVPR 2022.
    """

    class Config(MethodConfig):
        """Defaults are the authors' (https://github.com/tsun/SSRT).

        `alpha`: strength of the disturbance; `confidence`: least probability of an image that counts; `reversal`: where
        the adversary's coefficient ends; `trade_off`: of the refinement; `trade_off_domain`: 2, since they add up the
        domains' losses where `domain_loss` is their mean; `safe`: take back what collapses.
        """

        alpha: float = Field(default=0.3, ge=0, json_schema_extra={"search": [0.1, 0.5]})
        confidence: float = Field(default=0.4, ge=0, lt=1, json_schema_extra={"search": [0.2, 0.8]})
        reversal: float = Field(default=0.1, gt=0, json_schema_extra={"search": [0.03, 1.0], "log": True})
        trade_off: float = Field(default=0.2, ge=0, json_schema_extra={"search": [0.05, 1.0], "log": True})
        trade_off_domain: float = Field(default=2.0, ge=0)
        hidden: int = Field(default=1024, ge=1, json_schema_extra={"search": [64, 1024], "log": True})
        safe: bool = True

    config: Config

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        blocks = getattr(backbone.body, "blocks", None)
        if blocks is None or not len(blocks):
            raise SpecError(
                "ssrt needs a vision transformer with a list of blocks", "use a timm vit_ or deit_ backbone"
            )
        # Blocks 0, 4 and 8 of 12 in the paper: the starts of the three thirds.
        self.places = tuple(sorted({len(blocks) * third // 3 for third in range(3)}))
        self.discriminator = DomainDiscriminator(self.feature_dim, config.hidden)
        self.safety = SafeTraining(self, task.total_steps)

    def with_disturbed(self, images: Tensor, count: int, strength: Tensor) -> Tensor:
        """Return features [B + count, D] of `images` [B, ...] and of the last `count` of them, disturbed.

        The tokens of these are moved by `strength` towards another one's before a random block.
        """
        # Both draws are made on the CPU, so that no device is waited for.
        place = self.places[int(torch.randint(len(self.places), (1,)))]
        partner = torch.randperm(count).to(images.device, non_blocking=True)

        def move(_module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
            tokens: Tensor = arguments[0]
            own = tokens[-count:]
            moved = own + strength.to(own.dtype) * (own[partner] - own).detach()
            return (torch.cat([tokens[:-count], moved]), *arguments[1:])

        body: Any = self.backbone.body
        handle = body.blocks[place].register_forward_pre_hook(move)
        try:
            return self.forward_features(torch.cat([images, images[-count:]]))
        finally:
            handle.remove()

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses; "ramp" is r and "diversity" the number of classes predicted in the target batch."""
        n, m = len(batch.sources.labels), len(batch.target.images)
        ramp = torch.ones((), device=batch.target.images.device)
        if self.config.safe:
            self.safety.begin(self, batch.step)
            ramp = self.safety.ramp(batch.step)
        features = self.with_disturbed(both_images(batch), m, ramp * self.config.alpha)
        logits = self.classify(features)
        source = F.cross_entropy(logits[:n], batch.sources.labels)
        coefficient = reversal_coefficient(progress, high=self.config.reversal)
        domain = domain_loss(self.discriminator(reverse_gradient(features[: n + m], coefficient)), n)
        forward = bool(torch.rand(()) < 0.5)
        clean = logits[n : n + m]
        refined = refinement_loss(clean, logits[n + m :], forward, self.config.confidence)
        diversity = self.safety.note(clean, batch.step)
        return {
            "total": source + self.config.trade_off_domain * domain + ramp * self.config.trade_off * refined,
            "source": source,
            "domain": domain,
            "refinement": refined,
            "ramp": ramp,
            "diversity": diversity,
        }
