"""DAN: features with the same kernel mean in both domains (Long et al., ICML 2015)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from ucdver import at_least_float32, no_autocast
from ucdver_uda.aligned_features import AlignedFeatures, AlignedFeaturesConfig
from ucdver_uda.mmd import Estimator, adaptive_kernels, mmd


def mk_mmd(source: Tensor, target: Tensor, estimator: Estimator) -> Tensor:
    """Return the multi-kernel MMD of source [n, d] and target [m, d] features, a scalar, in float32 at least."""
    with no_autocast(source):
        points = at_least_float32(torch.cat([source, target]))
        return mmd(adaptive_kernels(points), len(source), estimator)


class DAN(AlignedFeatures):
    """Source cross entropy plus the multi-kernel MMD between source and target features.

    L = CE(source) + trade_off * mk_mmd(f_s, f_t, estimator), on bottleneck features. The paper matches three layers;
    as in later code it is the one that the head reads.

    Paper: Long et al., Learning Transferable Features with Deep Adaptation Networks, ICML 2015.
    """

    class Config(AlignedFeaturesConfig):
        """`estimator`: the linear-time one of the paper and of TLlib, or a quadratic one; `trade_off`: 1 in TLlib.

        TLlib: https://github.com/thuml/Transfer-Learning-Library.
        """

        estimator: Estimator = "linear"
        trade_off: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 10.0], "log": True})

    config: Config
    discrepancy_name = "mmd"

    def discrepancy(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the multi-kernel MMD."""
        return mk_mmd(source, target, self.config.estimator)
