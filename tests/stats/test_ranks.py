"""Ranks: a naive version with sorting, and what must not change them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucdver.stats.ranks import average_ranks, column_ranks

Table = dict[str, list[float]]


@st.composite
def tables(draw: st.DrawFn, missing: bool = True) -> Table:
    methods = draw(st.integers(1, 6))
    tasks = draw(st.integers(1, 5))
    # Few distinct scores make ties common.
    score = st.integers(0, 5).map(lambda v: v / 10)
    field = st.one_of(score, score, score, st.just(math.nan)) if missing else score
    return {f"m{i}": draw(st.lists(field, min_size=tasks, max_size=tasks)) for i in range(methods)}


def naive(table: Table, higher: bool) -> dict[str, float | None]:
    whole = {m: row for m, row in table.items() if not any(math.isnan(v) for v in row)}
    result: dict[str, float | None] = {}
    for method in table:
        if method not in whole:
            result[method] = None
            continue
        ranks = []
        for task, value in enumerate(whole[method]):
            ordered = sorted((row[task] for row in whole.values()), reverse=higher)
            places = [i for i, v in enumerate(ordered, start=1) if v == value]
            ranks.append(sum(places) / len(places))
        result[method] = sum(ranks) / len(ranks)
    return result


@given(tables(), st.booleans())
def test_it_equals_ranking_by_sorting(table: Table, higher: bool) -> None:
    assert average_ranks(table, higher) == pytest.approx(naive(table, higher))


@given(tables(missing=False), st.booleans())
def test_the_ranks_of_a_task_add_up(table: Table, higher: bool) -> None:
    rows = [row for row in column_ranks(table, higher).values() if row is not None]
    n = len(table)
    assert [sum(task) for task in zip(*rows, strict=True)] == pytest.approx([n * (n + 1) / 2] * len(rows[0]))


@given(tables(), st.booleans())
def test_a_rising_change_of_scale_changes_nothing(table: Table, higher: bool) -> None:
    stretched = {m: [math.exp(3 * v) - 7 for v in row] for m, row in table.items()}
    assert average_ranks(stretched, higher) == average_ranks(table, higher)


@given(tables())
def test_turning_the_scores_round_turns_the_direction_round(table: Table) -> None:
    negative = {m: [-v for v in row] for m, row in table.items()}
    assert average_ranks(negative, True) == average_ranks(table, False)


@given(tables(), st.booleans(), st.randoms())
def test_the_order_of_methods_and_tasks_does_not_matter(table: Table, higher: bool, random: object) -> None:
    shuffle = random.shuffle  # type: ignore[attr-defined]
    methods, tasks = list(table), list(range(len(next(iter(table.values())))))
    shuffle(methods)
    shuffle(tasks)
    mixed = {m: [table[m][t] for t in tasks] for m in methods}
    assert average_ranks(mixed, higher) == pytest.approx(average_ranks(table, higher))


@given(tables(), st.booleans())
def test_a_method_with_a_gap_changes_nobody_elses_rank(table: Table, higher: bool) -> None:
    tasks = len(next(iter(table.values())))
    gap = {"gap": [9.0] * (tasks - 1) + [math.nan]}
    assert average_ranks({**gap, **table}, higher) == {"gap": None, **average_ranks(table, higher)}


def test_sums_that_differ_in_the_last_bit_tie() -> None:
    assert 0.1 + 0.2 != 0.3
    assert average_ranks({"a": [0.1 + 0.2], "b": [0.3]}, True) == {"a": 1.5, "b": 1.5}


def test_without_tasks_nobody_is_ranked() -> None:
    assert average_ranks({"a": [], "b": []}, True) == {"a": None, "b": None}
    assert average_ranks({}, True) == {}


@pytest.mark.parametrize("table", [{"a": [1.0], "b": [1.0, 2.0]}, {"a": [math.inf]}])
def test_a_table_that_is_none_is_refused(table: Table) -> None:
    with pytest.raises(ValueError, match=r"score"):
        average_ranks(table, True)
