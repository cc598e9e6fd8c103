"""MixStyle: early feature statistics are mixed between images, so that no style is relied on (Zhou et al., ICLR
2021)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, MethodConfig, SpecError, TaskInfo

#: Added to the variance, in the published code (https://github.com/KaiyangZhou/mixstyle-release).
EPSILON = 1e-6


def mix_style(values: Tensor, partner: Tensor, weight: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Return `values` [B, ...] with mean and deviation over `dims` mixed with those of each image's partner.

    y = (x - mu) / sigma * (w sigma + (1 - w) sigma') + w mu + (1 - w) mu', with w = `weight` [B] and partners given by
    index [B]. No gradient passes through the statistics; the variance is the unbiased one.
    """
    mean = values.mean(dims, keepdim=True).detach()
    deviation = (values.var(dims, keepdim=True) + EPSILON).sqrt().detach()
    weight = weight.to(values.dtype).view(-1, *[1] * (values.ndim - 1))
    mixed_mean = weight * mean + (1 - weight) * mean[partner]
    mixed_deviation = weight * deviation + (1 - weight) * deviation[partner]
    return (values - mean) / deviation * mixed_deviation + mixed_mean


def early_stages(backbone: Backbone) -> list[nn.Module]:
    """Return the two modules after which styles are mixed, as after the first two residual stages in the paper.

    For a timm network the first two stages, which come after the stem where timm lists that too; for a vision
    transformer its first two blocks, else the first two activations; a network with none of these is a SpecError.
    """
    body: Any = backbone.body
    names = [info["module"] for info in getattr(body, "feature_info", None) or [] if info.get("module")]
    if names:
        first = 1 if len(names) > 2 and _kind(names[0]) != _kind(names[1]) else 0
        return [body.get_submodule(name) for name in names[first : first + 2]]
    modules: list[nn.Module] = list(body.modules())
    found = [module for module in modules if isinstance(module, nn.ReLU)][:2]
    if len(found) < 2:
        raise SpecError("mixstyle finds no early stages in this backbone", "use a timm network or convnet")
    return list(found)


def _kind(module: str) -> str:
    """Return a module's path without the number of the stage: a stem has another one than the stages."""
    return module.rstrip("0123456789")


class MixStyle(Method):
    """Cross entropy on the source while styles are mixed inside the network, in training alone.

    The partner of an image is drawn at random from the batch, whatever its domain ("random shuffle" in the paper).
    On patch tokens, which the paper does not treat, statistics are over the tokens of an image.

    Paper: Zhou et al., Domain Generalization with MixStyle, ICLR 2021.
    """

    class Config(MethodConfig):
        """`probability`: that a batch is mixed, 0.5 in the paper; `alpha`: of Beta(alpha, alpha), 0.1 in the paper."""

        probability: float = Field(default=0.5, ge=0, le=1, json_schema_extra={"search": [0.25, 1.0]})
        alpha: float = Field(default=0.1, gt=0, json_schema_extra={"search": [0.1, 1.0], "log": True})

    config: Config

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        self.prefix = int(getattr(backbone.body, "num_prefix_tokens", 0))
        # timm says which of its networks have their channels last.
        self.places = (1, 2) if getattr(backbone.body, "output_fmt", "NCHW") == "NHWC" else (2, 3)
        for stage in early_stages(backbone):
            stage.register_forward_hook(self._mix)

    def _mix(self, _module: nn.Module, _arguments: object, values: Tensor) -> Tensor:
        # Drawn on the CPU, so that no device is waited for.
        if not self.training or float(torch.rand(())) >= self.config.probability:
            return values
        alpha = torch.tensor(self.config.alpha)
        weight = torch.distributions.Beta(alpha, alpha).sample((len(values),)).to(values.device, non_blocking=True)
        partner = torch.randperm(len(values)).to(values.device, non_blocking=True)
        if values.ndim == 4:
            return mix_style(values, partner, weight, self.places)
        tokens = mix_style(values[:, self.prefix :], partner, weight, (1,))
        return torch.cat([values[:, : self.prefix], tokens], 1)

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the cross entropy, under "total"."""
        return {"total": F.cross_entropy(self(batch.sources.images), batch.sources.labels)}
