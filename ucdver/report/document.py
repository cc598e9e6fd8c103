"""The leaderboard as JSON: all of it, for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from ucdver.report.board import Cell, Column, Difference, Leaderboard
from ucdver.stats.intervals import Interval


def export(board: Leaderboard) -> str:
    """Return the leaderboard as JSON; scores are fractions in full precision, null where there is none."""
    document = {
        "suite": board.suite,
        "title": board.title,
        "metric": board.metric.model_dump(mode="json", include={"name", "higher_is_better", "percent"}),
        "selection": board.selection,
        "confidence": board.confidence,
        "reference": board.reference or None,
        "columns": [_column(column) for column in board.columns],
        "methods": [_method(board, method) for method in board.methods],
        "cells": [_cell(cell) for cell in board.cells],
        "footnotes": list(board.footnotes),
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _column(column: Column) -> dict[str, Any]:
    return {**asdict(column), "chance": column.chance}


def _method(board: Leaderboard, method: str) -> dict[str, Any]:
    return {
        "name": method,
        "oracle": method in board.oracles,
        "average": _interval(board.averages[method]),
        "difference": _difference(board.differences.get(method)),
        "rank": board.ranks[method],
    }


def _difference(difference: Difference | None) -> dict[str, Any] | None:
    return None if difference is None else {**(_interval(difference.interval) or {}), "p": difference.p}


def _interval(interval: Interval | None) -> dict[str, Any] | None:
    if interval is None:
        return None
    return {
        "mean": interval.mean,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "std": interval.std,
        "n": interval.n,
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "task": cell.task,
        "target": cell.target,
        "method": cell.method,
        "status": cell.status,
        "score": _interval(cell.interval),
        "n_seeds": cell.n_seeds,
        "expected_seeds": cell.expected_seeds,
        "rank": cell.rank,
        "reason": cell.reason,
    }
