"""Maximum mean discrepancy between two batches: kernels and estimators that DAN and JAN share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from ucdver import SpecError

Estimator = Literal["linear", "quadratic", "biased"]

#: Five kernels whose bandwidths are the mean squared distance times these, as in TLlib's DAN
#: (https://github.com/thuml/Transfer-Learning-Library). The paper takes more kernels and learns their weights.
ALPHAS = (0.125, 0.25, 0.5, 1.0, 2.0)


def squared_distances(points: Tensor) -> Tensor:
    """Return squared distances [n, n] between the rows of [n, d], by differences: exact zeros on the diagonal."""
    return (points.unsqueeze(0) - points.unsqueeze(1)).square().sum(2)


def adaptive_kernels(points: Tensor, alphas: Sequence[float] = ALPHAS) -> Tensor:
    """Return sum_a exp(-d^2 / (2 a m)), [n, n], with m the mean of all squared distances, without gradient.

    Points that all coincide have m = 0; every kernel is 1 then.
    """
    distances = squared_distances(points)
    mean = distances.detach().mean().clamp_min(torch.finfo(distances.dtype).tiny)
    return torch.stack([torch.exp(-distances / (2 * alpha * mean)) for alpha in alphas]).sum(0)


def fixed_kernel(points: Tensor, sigma: float) -> Tensor:
    """Return exp(-d^2 / (2 sigma^2)), [n, n]."""
    return torch.exp(-squared_distances(points) / (2 * sigma**2))


def mmd(kernel: Tensor, num_source: int, estimator: Estimator) -> Tensor:
    """Return the squared MMD from a kernel matrix [n + m, n + m] whose first n = `num_source` rows are the source's.

    `linear`: mean over i of k(s_i, s_i+1) + k(t_i, t_i+1) - k(s_i, t_i+1) - k(s_i+1, t_i), cyclic, on the first
    min(n, m) of each; linear in the batch (Gretton et al., JMLR 2012, section 6), and of large variance.
    `quadratic`: means of k(s, s) and k(t, t) off the diagonal, minus twice that of k(s, t): unbiased, may be
    negative. `biased`: the same with the diagonals, 0 for equal batches and never negative. TLlib adds the constant
    2 / (n - 1), which has no gradient and is left out here.
    """
    ss, tt, st = kernel[:num_source, :num_source], kernel[num_source:, num_source:], kernel[:num_source, num_source:]
    if estimator == "biased":
        return ss.mean() + tt.mean() - 2 * st.mean()
    n, m = st.shape
    if estimator == "quadratic":
        if min(n, m) < 2:
            raise SpecError("the quadratic MMD needs two images of each domain in a batch", "raise batch_size")
        within_source = (ss.sum() - ss.trace()) / (n * (n - 1))
        within_target = (tt.sum() - tt.trace()) / (m * (m - 1))
        return within_source + within_target - 2 * st.mean()
    i = torch.arange(min(n, m), device=kernel.device)
    j = i.roll(-1)
    return (ss[i, j] + tt[i, j] - st[i, j] - st[j, i]).mean()
