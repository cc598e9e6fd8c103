"""Pairs of rows in blocks, so that memory does not grow with the square of the number of images."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

#: Numbers in one block of a matrix of pairs: 64 MiB in float32.
BLOCK_NUMBERS = 2**24


#: Rows of a tile of a matrix of pairs: its square is 1 MiB in float32, which a processor keeps close at hand.
TILE_ROWS = 512
#: The least logarithm of a number that float32 keeps in full.
LEAST_LOG = -87.0


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Yield slices that cover `rows` rows, each of at most `BLOCK_NUMBERS` pairs with `columns` columns."""
    height = max(1, BLOCK_NUMBERS // max(1, columns))
    for start in range(0, rows, height):
        yield slice(start, min(rows, start + height))


def tiles(rows: int, first: int = 0) -> Iterator[slice]:
    """Yield slices that cover the rows from `first` on, each of at most `TILE_ROWS`."""
    for start in range(first, rows, TILE_ROWS):
        yield slice(start, min(rows, start + TILE_ROWS))


def pair_sums(rows: Tensor, values: Tensor, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    """Return the sum over j != i of exp(scale * rows_i . rows_j + shift) * values_j, float64 [N, V].

    Each pair is visited once and serves both of its rows. Exponentials are float32 where those of unit rows keep their
    digits there, else float64; they are summed in float64 from tile to tile.

    Args:
        rows: [N, D].
        values: [N, V].
        scale: factor on the products.
        shift: added to them.
    """
    kind = torch.float32 if shift - abs(scale) > LEAST_LOG else torch.float64
    # Values lie in rows: with so few of them, a product from the left takes a fifth of the time of one from the right.
    held, weighed = rows.to(kind), values.T.contiguous().to(kind)
    start = torch.full((), shift, dtype=kind)
    sums = torch.zeros(weighed.shape, dtype=torch.float64)
    for here in tiles(len(rows)):
        for there in tiles(len(rows), here.start):
            weights = torch.addmm(start, held[here], held[there].T, alpha=scale).exp_()
            if here == there:
                weights.fill_diagonal_(0.0)
            else:
                sums[:, there] += weighed[:, here] @ weights
            sums[:, here] += weighed[:, there] @ weights.T
    return sums.T


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
