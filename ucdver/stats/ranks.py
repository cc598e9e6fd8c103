"""Ranks of methods over tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

#: Means over seeds of the same scores in another order differ in the last bit; that must not break a tie.
TIE_DECIMALS = 12


def column_ranks(table: Mapping[str, Sequence[float]], higher_is_better: bool) -> dict[str, list[float] | None]:
    """Return each method's rank on every task, 1 for the best; ties share the mean of their ranks.

    Args:
        table: scores by method, one a task in the same order; NaN for a missing one.
        higher_is_better: whether the largest score gets rank 1.

    A method with a missing score is None and takes no part in the ranks of the others. Scores that agree in
    twelve decimals tie.

    Raises:
        ValueError: rows of different length, or an infinite score.
    """
    if len({len(row) for row in table.values()}) > 1:
        raise ValueError("every method needs one score a task")
    if any(np.isinf(row).any() for row in table.values()):
        raise ValueError("an infinite score cannot be ranked")
    ranked = [name for name, row in table.items() if len(row) and not np.isnan(row).any()]
    if not ranked:
        return dict.fromkeys(table)
    scores = np.array([table[name] for name in ranked], dtype=np.float64).round(TIE_DECIMALS)
    ordered = scores if higher_is_better else -scores
    better = (ordered[None] > ordered[:, None]).sum(axis=1)
    level = (ordered[None] == ordered[:, None]).sum(axis=1)
    ranks = (better + (level + 1) / 2).tolist()
    return {name: ranks[ranked.index(name)] if name in ranked else None for name in table}


def average_ranks(table: Mapping[str, Sequence[float]], higher_is_better: bool) -> dict[str, float | None]:
    """Return each method's mean rank over tasks, None for one with a missing score; see `column_ranks`."""
    ranks = column_ranks(table, higher_is_better)
    return {name: None if row is None else sum(row) / len(row) for name, row in ranks.items()}
