"""Pairs of rows in blocks, so that memory does not grow with the square of the number of images."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

#: Numbers in one block of a matrix of pairs: 64 MiB in float32.
BLOCK_NUMBERS = 2**24


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Yield slices that cover `rows` rows, each of at most `BLOCK_NUMBERS` pairs with `columns` columns."""
    height = max(1, BLOCK_NUMBERS // max(1, columns))
    for start in range(0, rows, height):
        yield slice(start, min(rows, start + height))


def unit_rows(rows: Tensor) -> Tensor:
    """Return float32 [N, D] rows of length one; a row of zeros stays what it is."""
    return torch.nn.functional.normalize(rows.float(), dim=1)


def gram(rows: Tensor) -> Tensor:
    """Return X^T X, float64 [D, D], of rows [N, D], without a float64 copy of all of them."""
    total = torch.zeros(rows.shape[1], rows.shape[1], dtype=torch.float64)
    for block in row_blocks(len(rows), rows.shape[1]):
        part = rows[block].double()
        total += part.T @ part
    return total


def singular_values(rows: Tensor) -> Tensor:
    """Return the singular values of rows [N, D], float64 [min(N, D)], descending.

    Of the eigenvalues of the smaller Gram matrix, so that small ones are right to 1e-8 of the largest.
    """
    squares = gram(rows) if len(rows) >= rows.shape[1] else rows.double() @ rows.double().T
    values: Tensor = torch.linalg.eigvalsh(squares).clamp_min(0).sqrt().flip(0)
    return values
