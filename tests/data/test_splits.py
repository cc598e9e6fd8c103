from __future__ import annotations

import inspect
from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ucdver.data.manifest import Row
from ucdver.data.splits import RowKeys, assign_folds, split_sources, split_target
from ucdver.errors import DataError
from ucdver.spec.protocol import SplitRule


def keys(count: int, domain: str = "a", splits: str = "", groups: str = "") -> RowKeys:
    """Return rows d/0, d/1, ...; one letter of `splits` (t, v, e, -) and of `groups` for each."""
    names = {"t": "train", "v": "val", "e": "test", "-": ""}
    return RowKeys(
        tuple(f"d/{domain}{number:04d}" for number in range(count)),
        (f"d:{domain}",) * count,
        tuple(names[letter] for letter in splits or "-" * count),
        tuple(groups or [""] * count),
    )


LABELS = st.lists(st.integers(0, 4), min_size=2, max_size=60)
RULES = st.builds(SplitRule, kind=st.just("all"), val_fraction=st.floats(0, 0.95), seed=st.integers(0, 9))


def test_a_target_split_cannot_be_given_labels() -> None:
    assert list(inspect.signature(split_target).parameters) == ["rows", "rule", "folds"]
    assert "label" not in " ".join(RowKeys.__dataclass_fields__)
    row = Row("1", "p", "a", {"s": "x"}, "test", "g", {"s": {"x": 1.0}})
    assert RowKeys.of("d", [row]) == RowKeys.of("d", [replace(row, labels={"s": "y"}, soft={})])


@given(LABELS, RULES)
def test_source_rows_are_parted_and_every_class_keeps_one(labels: list[int], rule: SplitRule) -> None:
    assume(max(Counter(labels).values()) > 1)
    split = split_sources(keys(len(labels)), np.array(labels), rule, {})
    assert sorted([*split.train, *split.val]) == list(range(len(labels)))
    counts = Counter(labels)
    kept = Counter(labels[number] for number in split.train)
    assert all(kept[label] >= 1 for label in counts)
    for label, count in counts.items():
        assert abs((count - kept[label]) - rule.val_fraction * count) <= max(1, count * rule.val_fraction - (count - 1))


@given(st.integers(10, 60), st.integers(2, 5), st.floats(0.05, 0.5))
@example(18, 5, 0.15)
def test_the_share_of_validation_is_what_was_asked(per_class: int, classes: int, fraction: float) -> None:
    labels = np.repeat(np.arange(classes), per_class)
    split = split_sources(keys(len(labels)), labels, SplitRule(kind="all", val_fraction=fraction), {})
    # The nearest number; at half a row either neighbour is, as sums of floats fall on both sides of it.
    assert abs(split.val.size - max(1, fraction * len(labels))) <= 0.5 + 1e-9
    shares = np.bincount(labels[split.val], minlength=classes)
    assert shares.max() - shares.min() <= 1


@given(LABELS, RULES, st.randoms(use_true_random=False))
def test_a_split_does_not_depend_on_the_order_of_rows(labels: list[int], rule: SplitRule, random: Random) -> None:
    rows = keys(len(labels))
    order = list(range(len(labels)))
    random.shuffle(order)
    shuffled = RowKeys(*(tuple(column[i] for i in order) for column in vars(rows).values()))
    first = split_sources(rows, np.array(labels), rule, {})
    second = split_sources(shuffled, np.array(labels)[order], rule, {})
    assert {rows.ids[i] for i in first.val} == {shuffled.ids[i] for i in second.val}


def test_the_seed_moves_the_split_and_nothing_else_does() -> None:
    labels = np.arange(100) % 4
    drawn = {seed: tuple(split_sources(keys(100), labels, SplitRule(seed=seed), {}).val.tolist()) for seed in (0, 1, 2)}
    assert len(set(drawn.values())) == 3
    assert tuple(split_sources(keys(100), labels, SplitRule(seed=1), {}).val.tolist()) == drawn[1]


def test_one_more_row_does_not_reshuffle_the_others() -> None:
    few = split_sources(keys(200), np.zeros(200, int), SplitRule(), {})
    more = split_sources(keys(201), np.zeros(201, int), SplitRule(), {})
    assert len(set(few.val) ^ set(more.val)) <= 2


def test_sources_are_stratified_domain_by_domain() -> None:
    rows = RowKeys.joined([keys(20, "a"), keys(20, "b")])
    split = split_sources(rows, np.tile([0, 1], 20), SplitRule(val_fraction=0.2), {})
    assert Counter(rows.domains[i] for i in split.val) == {"d:a": 4, "d:b": 4}


def test_no_validation_where_none_is_asked_for_or_none_can_be_spared() -> None:
    assert split_sources(keys(5), np.zeros(5, int), SplitRule(val_fraction=0), {}).val.size == 0
    for labels in ([0], [0, 1, 2]):
        split = split_sources(keys(len(labels)), np.array(labels), SplitRule(val_fraction=0.5), {})
        assert (split.val.size, split.train.size) == (0, len(labels))


def test_a_fraction_just_below_one_still_leaves_a_row_for_training() -> None:
    split = split_sources(keys(5), np.zeros(5, int), SplitRule(val_fraction=1 - 2**-53), {})
    assert (split.val.size, split.train.size) == (4, 1)


def test_small_classes_still_give_something_to_select_on() -> None:
    assert split_sources(keys(9), np.arange(9) % 3, SplitRule(val_fraction=0.1), {}).val.size == 1


def test_all_gives_every_target_row_to_both_sides() -> None:
    split = split_target(keys(3), SplitRule(kind="all"), {})
    assert split.train.tolist() == split.test.tolist() == [0, 1, 2]


def test_official_splits_are_the_releases() -> None:
    rule = SplitRule(kind="official", val_fraction=0.5)
    rows = keys(8, splits="ttvvee-t")
    target = split_target(rows, rule, {})
    assert (target.train.tolist(), target.test.tolist()) == ([0, 1, 7], [4, 5])
    source = split_sources(rows, np.zeros(8, int), rule, {})
    assert (source.train.tolist(), source.val.tolist()) == ([0, 1, 7], [2, 3])


def test_an_official_source_without_validation_gives_some_of_its_training_rows() -> None:
    rows = RowKeys.joined([keys(10, "a", "t" * 8 + "ee"), keys(4, "b", "ttvv")])
    split = split_sources(rows, np.zeros(14, int), SplitRule(kind="official", val_fraction=0.25), {})
    assert set(split.val.tolist()) >= {12, 13} and {8, 9}.isdisjoint({*split.train, *split.val})
    assert Counter(rows.domains[i] for i in split.val) == {"d:a": 2, "d:b": 2}


@pytest.mark.parametrize("splits", ["tttt", "----", "ttvv"])
def test_an_official_target_without_test_says_what_to_do(splits: str) -> None:
    with pytest.raises(DataError, match=r"target d:a has no test rows in its official split; .*kind = 'all'"):
        split_target(keys(4, splits=splits), SplitRule(kind="official"), {})


def test_a_source_without_training_rows_is_an_error() -> None:
    rows = RowKeys.joined([keys(4, "a", "tttt"), keys(4, "b", "eeee")])
    with pytest.raises(DataError, match="source d:b has no training rows"):
        split_sources(rows, np.zeros(8, int), SplitRule(kind="official"), {})


@given(st.sets(st.text(min_size=1, max_size=3), min_size=2, max_size=40), st.integers(2, 5), st.integers(0, 5))
def test_folds_are_even_and_the_same_in_any_order(groups: set[str], folds: int, seed: int) -> None:
    rule = SplitRule(kind="grouped", folds=folds, seed=seed)
    dealt = assign_folds(groups, rule)
    sizes = Counter(dealt.values())
    assert set(dealt) == groups
    assert max(sizes.values()) - min(sizes.get(fold, 0) for fold in range(folds)) <= 1
    assert assign_folds([*sorted(groups, reverse=True), *groups], rule) == dealt


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("stuvwxyz"), st.integers(0, 2)), min_size=1),
    st.integers(0, 2),
    st.floats(0, 0.6),
)
def test_groups_are_never_shared_across_sides_in_any_domain(
    rows: list[tuple[str, str, int]], fold: int, fraction: float
) -> None:
    rule = SplitRule(kind="grouped", folds=3, fold=fold, val_fraction=fraction)
    folds = assign_folds("stuvwxyz", rule)
    held_out = {group for group, number in folds.items() if number == fold}
    parts = [
        RowKeys.of("d", [Row(f"{d}{i}", "p", d, {}, "", g) for i, (d, g, _) in enumerate(rows) if d == domain])
        for domain in "abc"
    ]
    joined = RowKeys.joined(parts)
    label_of = {f"d/{d}{i}": label for i, (d, _, label) in enumerate(rows)}
    try:
        source = split_sources(joined, np.array([label_of[i] for i in joined.ids]), rule, folds)
    except DataError:
        assume(False)
    train = {joined.groups[i] for i in source.train}
    val = {joined.groups[i] for i in source.val}
    assert train.isdisjoint(val) and held_out.isdisjoint(train | val)
    for part in parts:
        if held_out & set(part.groups):
            target = split_target(part, rule, folds)
            assert {part.groups[i] for i in target.test} <= held_out
            assert held_out.isdisjoint(part.groups[i] for i in target.train)
            assert sorted([*target.train, *target.test]) == list(range(len(part.ids)))


def test_every_fold_is_the_test_once() -> None:
    groups = "".join(chr(ord("a") + i) for i in range(10))
    rows = keys(10, groups=groups)
    tested: list[int] = []
    for fold in range(3):
        rule = SplitRule(kind="grouped", folds=3, fold=fold)
        tested += split_target(rows, rule, assign_folds(groups, rule)).test.tolist()
    assert sorted(tested) == list(range(10))


def test_grouped_validation_is_stratified_by_the_groups_classes() -> None:
    groups = [f"g{number // 2}" for number in range(80)]
    rows = replace(keys(80), groups=tuple(groups))
    labels = np.array([int(group[1:]) % 2 for group in groups])
    rule = SplitRule(kind="grouped", folds=2, val_fraction=0.2)
    folds = assign_folds(groups, rule)
    split = split_sources(rows, labels, rule, folds)
    assert split.val.size == 8
    free = [number for number in range(80) if folds[groups[number]] != 0]
    share = np.bincount(labels[free]) * 0.2
    assert np.abs(np.bincount(labels[split.val]) - share).max() <= 2


def test_a_row_without_a_group_cannot_be_grouped() -> None:
    rule = SplitRule(kind="grouped")
    with pytest.raises(DataError, match=r"'d/a0001' belongs to no group.*kind = 'all'"):
        split_target(keys(2, groups=["x", ""]), rule, {"x": 0})  # type: ignore[arg-type]
    with pytest.raises(DataError, match="belongs to no group"):
        split_sources(keys(2), np.zeros(2, int), rule, {})


def test_a_fold_without_target_rows_is_an_error() -> None:
    rule = SplitRule(kind="grouped", folds=3, fold=2)
    with pytest.raises(DataError, match="no test rows in its grouped split; choose another fold"):
        split_target(keys(2, groups="xy"), rule, {"x": 0, "y": 1})
