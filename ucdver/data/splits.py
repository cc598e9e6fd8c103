"""Which rows train, validate and test. A target is split without its labels: they are no argument here.

Every choice is an order by hash of (seed, purpose, name), so it is the same on every machine and does not depend
on the order of rows. Where rows are drawn for validation, one more row moves few others. Folds are dealt by rank in
that order, so that they are of equal size: one more group, or one less, can move most of the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ucdver.data.manifest import Row
from ucdver.errors import DataError
from ucdver.spec.protocol import SplitRule

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RowKeys:
    """What a split may know of rows: all but their labels. Every field has one entry a row.

    Attributes:
        ids: global ids, `dataset/id`.
        domains: domains as text, `dataset:name`.
        splits: the release's own split, or empty.
        groups: the release's groups, or empty.
    """

    ids: tuple[str, ...]
    domains: tuple[str, ...]
    splits: tuple[str, ...]
    groups: tuple[str, ...]

    @classmethod
    def of(cls, dataset: str, rows: Sequence[Row]) -> RowKeys:
        """Take the keys of rows of one data set."""
        return cls(
            tuple(f"{dataset}/{row.id}" for row in rows),
            tuple(f"{dataset}:{row.domain}" for row in rows),
            tuple(row.split for row in rows),
            tuple(row.group for row in rows),
        )

    @classmethod
    def joined(cls, parts: Sequence[RowKeys]) -> RowKeys:
        """Return the rows of all parts, one after the other."""
        return cls(
            tuple(x for part in parts for x in part.ids),
            tuple(x for part in parts for x in part.domains),
            tuple(x for part in parts for x in part.splits),
            tuple(x for part in parts for x in part.groups),
        )


@dataclass(frozen=True)
class SourceSplit:
    """Rising row numbers of the source's training and validation rows."""

    train: Indices
    val: Indices


@dataclass(frozen=True)
class TargetSplit:
    """Rising row numbers of the target's unlabelled training rows and of its test rows."""

    train: Indices
    test: Indices


def assign_folds(groups: Iterable[str], rule: SplitRule) -> dict[str, int]:
    """Deal groups to folds in turn, in the order of their hashes.

    Give it every group of every data set of the task, labelled or not, so that a group is in one fold
    wherever it occurs and no label moves it. Another set of groups is dealt anew.
    """
    ordered = _by_hash(set(groups), rule.seed, "fold")
    return {group: number % rule.folds for number, group in enumerate(ordered)}


def split_target(rows: RowKeys, rule: SplitRule, folds: Mapping[str, int]) -> TargetSplit:
    """Split the rows of one target domain.

    `official` takes the rows marked `train` and `test` and leaves its `val` rows alone; `all` gives every row
    to both sides; `grouped` tests on the rule's fold and trains on the rest.

    Args:
        rows: the keys of the domain's rows; their labels are deliberately no argument.
        rule: the protocol's rule.
        folds: what `assign_folds` gave; read by `grouped` only.

    Raises:
        DataError: there is nothing to test on, or a row has no group where groups are needed.
    """
    everything = np.arange(len(rows.ids), dtype=np.int64)
    if rule.kind == "all":
        return TargetSplit(everything, everything)
    if rule.kind == "official":
        train, test = _where(rows.splits, "train"), _where(rows.splits, "test")
        advice = "use a protocol whose split has kind = 'all'"
    else:
        held_out = _in_fold(rows, rule, folds)
        train, test = everything[~held_out], everything[held_out]
        advice = f"choose another fold than {rule.fold} or fewer than {rule.folds} folds"
    if not test.size:
        raise DataError(f"target {_names(rows)} has no test rows in its {rule.kind} split", advice)
    return TargetSplit(train, test)


def split_sources(
    rows: RowKeys, labels: npt.NDArray[np.int64], rule: SplitRule, folds: Mapping[str, int]
) -> SourceSplit:
    """Split the rows of all source domains together.

    Row by row (`official` without a `val` split, and `all`), validation is stratified by domain and class,
    and a class of two or more rows in a domain keeps one of them for training. `grouped` leaves out the
    rule's fold and draws whole groups, the same ones in every domain, stratified by the class most of their
    rows have.

    Args:
        rows: the keys of the rows of every source domain.
        labels: int64 [N], class of each row.
        rule: the protocol's rule.
        folds: what `assign_folds` gave; read by `grouped` only.

    Raises:
        DataError: a domain has nothing to train on, or a row has no group where groups are needed.
    """
    if rule.kind == "grouped":
        available = ~_in_fold(rows, rule, folds)
        chosen = _validation_groups(rows.groups, labels, available, rule)
        in_val = np.array([group in chosen for group in rows.groups], dtype=bool)
    else:
        in_split = np.array(rows.splits, dtype=object)
        official = rule.kind == "official"
        available = np.isin(in_split, ("train", "val")) if official else np.ones(len(rows.ids), dtype=bool)
        in_val = available & (in_split == "val") if official else np.zeros(len(rows.ids), dtype=bool)
        for domain in dict.fromkeys(rows.domains):
            here = available & np.array([name == domain for name in rows.domains], dtype=bool)
            if not (in_val & here).any():
                in_val[_stratified(rows.ids, labels, np.flatnonzero(here), rule)] = True
    train = available & ~in_val
    for domain in dict.fromkeys(rows.domains):
        if not (train & np.array([name == domain for name in rows.domains], dtype=bool)).any():
            advice = "use kind = 'all'" if rule.kind == "official" else "use fewer folds or a smaller val_fraction"
            raise DataError(f"source {domain} has no training rows in its {rule.kind} split", advice)
    return SourceSplit(np.flatnonzero(train), np.flatnonzero(in_val))


def _validation_groups(
    groups: Sequence[str], labels: npt.NDArray[np.int64], available: npt.NDArray[np.bool_], rule: SplitRule
) -> set[str]:
    counts: dict[str, dict[int, int]] = {}
    for number in np.flatnonzero(available).tolist():
        of_group = counts.setdefault(groups[number], {})
        of_group[int(labels[number])] = of_group.get(int(labels[number]), 0) + 1
    names = sorted(counts)
    usual = np.array([min(counts[n], key=lambda c: (-counts[n][c], c)) for n in names], dtype=np.int64)
    chosen = _stratified(names, usual, np.arange(len(names)), rule)
    return {names[number] for number in chosen}


def _stratified(names: Sequence[str], labels: npt.NDArray[np.int64], candidates: Indices, rule: SplitRule) -> list[int]:
    """Choose `val_fraction` of the candidates by largest remainder, leaving each class one for training."""
    members: dict[int, list[int]] = {}
    for number in candidates:
        members.setdefault(int(labels[number]), []).append(int(number))
    quota = {label: rule.val_fraction * len(rows) for label, rows in members.items()}
    take = {label: min(int(quota[label]), len(rows) - 1) for label, rows in members.items()}
    # A fraction above nothing asks for at least one row, so that a small domain has something to select on.
    wanted = max(1, round(sum(quota.values()))) if rule.val_fraction > 0 else 0
    for label in sorted(members, key=lambda c: (int(quota[c]) - quota[c], c)):
        if sum(take.values()) < wanted and take[label] < len(members[label]) - 1 and quota[label] > take[label]:
            take[label] += 1
    chosen: list[int] = []
    for label, rows in members.items():
        number_of = {names[row]: row for row in rows}
        chosen += [number_of[name] for name in _by_hash(number_of, rule.seed, "val")[: take[label]]]
    return chosen


def _in_fold(rows: RowKeys, rule: SplitRule, folds: Mapping[str, int]) -> npt.NDArray[np.bool_]:
    for row_id, group in zip(rows.ids, rows.groups, strict=True):
        if not group:
            raise DataError(
                f"'{row_id}' belongs to no group, which a grouped split needs",
                "use a protocol whose split has kind = 'all' or 'official'",
            )
    return np.array([folds[group] == rule.fold for group in rows.groups], dtype=bool)


def _by_hash(names: Iterable[str], seed: int, purpose: str) -> list[str]:
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}\0{purpose}\0{name}".encode()).digest())


def _where(values: Sequence[str], wanted: str) -> Indices:
    return np.flatnonzero(np.array([value == wanted for value in values], dtype=bool))


def _names(rows: RowKeys) -> str:
    return ", ".join(dict.fromkeys(rows.domains)) or "domain without rows"
