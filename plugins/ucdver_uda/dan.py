"""DAN: features with the same kernel mean in both domains (Long et al., ICML 2015)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Batch, Method, MethodConfig, both_images
from ucdver_uda.mmd import Estimator, adaptive_kernels, mmd
from ucdver_uda.precision import at_least_float32, no_autocast


def mk_mmd(source: Tensor, target: Tensor, estimator: Estimator) -> Tensor:
    """Return the multi-kernel MMD of source [n, d] and target [m, d] features, a scalar, in float32 at least."""
    with no_autocast(source):
        points = at_least_float32(torch.cat([source, target]))
        return mmd(adaptive_kernels(points), len(source), estimator)


class DAN(Method):
    """Source cross entropy plus the multi-kernel MMD between source and target features.

    L = CE(source) + trade_off * mk_mmd(f_s, f_t, estimator), on bottleneck features. The paper matches three layers;
    as in later code it is the one that the head reads.

    Paper: Long et al., Learning Transferable Features with Deep Adaptation Networks, ICML 2015.
    """

    class Config(MethodConfig):
        """`estimator`: the linear-time one of the paper and of TLlib, or a quadratic one; `trade_off`: 1 in TLlib."""

        estimator: Estimator = "linear"
        trade_off: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 10.0], "log": True})

    config: Config

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses: "source" is the cross entropy, "mmd" the unweighted discrepancy."""
        num_source = len(batch.sources.labels)
        features = self.forward_features(both_images(batch))
        source = F.cross_entropy(self.classify(features[:num_source]), batch.sources.labels)
        discrepancy = mk_mmd(features[:num_source], features[num_source:], self.config.estimator)
        return {"total": source + self.config.trade_off * discrepancy, "source": source, "mmd": discrepancy}
