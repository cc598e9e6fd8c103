"""MCD: two classifiers find target images far from the source, and the features learn to please both (CVPR 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, MethodConfig, Prediction, TaskInfo, both_images

#: Inside the logarithm of the class balance, in TLlib (https://github.com/thuml/Transfer-Learning-Library) and in the
#: authors' code (https://github.com/mil-tokyo/MCD_DA).
EPSILON = 1e-6


def discrepancy(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean over images and classes of |softmax(first) - softmax(second)| of logits [B, K]."""
    return (first.softmax(1) - second.softmax(1)).abs().mean()


def class_balance(logits: Tensor) -> Tensor:
    """Return -mean_k log(mean_b p_bk + 1e-6) of logits [B, K]: least when every class is predicted as often."""
    return -(logits.softmax(1).mean(0) + EPSILON).log().mean()


class MCD(Method):
    """Two heads and three kinds of updates a step: fit the source, disagree on the target, make them agree.

    A: all networks minimise CE_1 + CE_2 + trade_off_balance * class_balance(target). B: the heads minimise that minus
    trade_off * discrepancy. C: `updates` times, the features minimise trade_off * discrepancy. It predicts with the
    mean of both heads' probabilities; tables that take the better head have picked it on target labels.

    Paper: Saito et al., Maximum Classifier Discrepancy for Unsupervised Domain Adaptation, CVPR 2018.
    """

    class Config(MethodConfig):
        """`updates`: n = 4 in the paper; `hidden`: width of each head's hidden layer, 1,024 in TLlib.

        TLlib's heads read the backbone itself through two hidden layers; here they read the bottleneck that every
        method of a suite has, through one, so that there are as many layers. Without a bottleneck there is one fewer.
        `trade_off`: 1 in the paper and for VisDA; TLlib has 10 for Office-31, 30 for Office-Home, 0.3 for digits.
        `trade_off_balance`: 0.01 in both codes; it presumes balanced classes, so 0 suits skewed ones.
        """

        updates: int = Field(default=4, ge=1, json_schema_extra={"search": [2, 4]})
        trade_off: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 30.0], "log": True})
        trade_off_balance: float = Field(default=0.01, ge=0, json_schema_extra={"search": [0.0, 0.01]})
        hidden: int = Field(default=1024, ge=1)

    config: Config
    manual_optimisation = True

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        del self.head
        self.heads = nn.ModuleList(self._new_head() for _ in range(2))

    def _new_head(self) -> nn.Module:
        hidden, classes = self.config.hidden, self.task.num_classes
        return nn.Sequential(
            nn.Dropout(0.5), nn.Linear(self.feature_dim, hidden), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True),
            nn.Linear(hidden, classes),
        )  # fmt: skip

    def both_heads(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of both heads, each [B, K]."""
        features = self.forward_features(images)
        return self.heads[0](features), self.heads[1](features)

    def classify(self, features: Tensor) -> Tensor:
        """Return log((p_1 + p_2) / 2), [B, K]."""
        mean: Tensor = (self.heads[0](features).softmax(1) + self.heads[1](features).softmax(1)) / 2
        return mean.clamp_min(torch.finfo(mean.dtype).tiny).log()

    def supervised(self, first: Tensor, second: Tensor, labels: Tensor) -> Tensor:
        """Return the source loss of both heads plus the class balance of the target, source logits first."""
        n = len(labels)
        source = F.cross_entropy(first[:n], labels) + F.cross_entropy(second[:n], labels)
        return source + self.config.trade_off_balance * (class_balance(first[n:]) + class_balance(second[n:]))

    def manual_step(self, batch: Batch, progress: float, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
        """Make updates A, B and C; "source" and "discrepancy" are those of A and of the last C."""
        images, labels, n = both_images(batch), batch.sources.labels, len(batch.sources.labels)
        features = [*self.backbone.parameters(), *self.bottleneck.parameters()]
        source = self.supervised(*self.both_heads(images), labels)
        _update(optimiser, source, list(self.parameters()))
        first, second = self.both_heads(images)
        opposed = self.supervised(first, second, labels) - self.config.trade_off * discrepancy(first[n:], second[n:])
        _update(optimiser, opposed, list(self.heads.parameters()))
        for _ in range(self.config.updates):
            first, second = self.both_heads(images)
            apart = discrepancy(first[n:], second[n:])
            _update(optimiser, self.config.trade_off * apart, features)
        return {
            "total": source.detach() + self.config.trade_off * apart.detach(),
            "source": source,
            "discrepancy": apart,
        }

    def predict(self, images: Tensor, extras: Mapping[str, Tensor]) -> Prediction:
        """Return bottleneck features and the log of the mean probabilities."""
        features = self.forward_features(images)
        return Prediction(features, self.classify(features))


def _update(optimiser: torch.optim.Optimizer, loss: Tensor, parameters: Sequence[nn.Parameter]) -> None:
    """Step `parameters` alone: what has no gradient is passed over by the optimiser, momentum and decay included."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward(inputs=[p for p in parameters if p.requires_grad])  # type: ignore[no-untyped-call]
    optimiser.step()
