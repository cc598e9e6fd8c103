"""Checks of pictures against each other: placeholders, copies, and pictures that look the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ucdver.data.check.report import Entry, Finding
from ucdver.data.near import near_groups

#: What sites serve for a picture that is gone is one file under many ids. Identical files are taken for such a
#: placeholder from PLACEHOLDER_LABELLED rows on where their labels differ, and from PLACEHOLDER_COPIES on where they do
#: not. A picture that was scraped more than once comes in twos and threes.
PLACEHOLDER_LABELLED = 4
PLACEHOLDER_COPIES = 10


@dataclass(frozen=True, slots=True)
class Picture:
    """What is compared of one row.

    Attributes:
        dataset, id, path, domain, split: the row's.
        label: its class in the first label space in which it has one, or empty.
        content: equal where the files (or drawn pixels) are identical.
        phash: the perceptual hash; None where the picture is too flat to have one.
    """

    dataset: str
    id: str
    path: str
    domain: str
    split: str
    label: str
    content: str
    phash: int | None


Group = tuple[Picture, ...]
_ADVICE = "look at them, then take all but one out of the data set"


def copies(pictures: Sequence[Picture]) -> list[Group]:
    """Return the groups of two or more pictures with identical content, each sorted by id."""
    groups: dict[str, list[Picture]] = defaultdict(list)
    for picture in pictures:
        groups[picture.content].append(picture)
    return [_sorted(group) for group in groups.values() if len(group) > 1]


def is_placeholder(group: Group) -> bool:
    """Whether identical pictures are so many that they stand for pictures that are gone."""
    least = PLACEHOLDER_LABELLED if len({picture.label for picture in group}) > 1 else PLACEHOLDER_COPIES
    return len(group) >= least


def duplicate_findings(pictures: Sequence[Picture]) -> Iterator[Finding]:
    """Yield placeholders, and identical pictures by how much harm they do; each group in one finding only."""
    groups = sorted(copies(pictures), key=lambda group: group[0].id)
    held = [group for group in groups if is_placeholder(group)]
    rest = [group for group in groups if not is_placeholder(group)]
    if held:
        meaning = "one picture under very many ids: what a site shows for a picture that is gone"
        yield Finding("placeholder", True, meaning, _entries(held), "leave them out: --quarantine-placeholders")
    conflict = [group for group in rest if len({picture.label for picture in group}) > 1]
    if conflict:
        yield Finding("duplicate_labels", True, "identical pictures with different labels", _entries(conflict), _ADVICE)
    agreed = [group for group in rest if len({picture.label for picture in group}) == 1]
    across = [group for group in agreed if _crosses(group)]
    if across:
        meaning = "identical pictures in several splits or domains"
        yield Finding("duplicate_across", True, meaning, _entries(across), _ADVICE)
    within = [group for group in agreed if not _crosses(group)]
    if within:
        yield Finding("duplicate", False, "identical pictures within one split", _entries(within), _ADVICE)


def near_findings(pictures: Sequence[Picture], limit: int) -> Iterator[Finding]:
    """Yield groups of pictures that look the same and are not identical; notes, since the eye has to judge.

    Args:
        pictures: of one data set, without placeholders.
        limit: how many of 64 bits may differ between two neighbours in a group.
    """
    groups = sorted(_alike(pictures, limit, lambda picture: picture.content), key=lambda group: group[0].id)
    across = [group for group in groups if _crosses(group)]
    if across:
        meaning = "pictures that look the same in several splits or domains"
        yield Finding("near_across", False, meaning, _entries(across), "look at them: training may know test pictures")
    within = [group for group in groups if not _crosses(group)]
    if within:
        yield Finding("near", False, "pictures that look the same within one split", _entries(within), "look at them")


def shared_findings(own: Sequence[Picture], others: Sequence[Picture], limit: int) -> Iterator[Finding]:
    """Yield pictures that are in another data set too; what follows depends on the tasks that use both."""
    everything = [*own, *others]
    shared = [group for group in copies(everything) if len({picture.dataset for picture in group}) > 1]
    if shared:
        meaning = "identical pictures in another data set on this machine"
        yield Finding("shared", False, meaning, _entries(shared), _SHARED)
    known = {picture.content for group in shared for picture in group}
    rest = [picture for picture in everything if picture.content not in known]
    near = list(_alike(rest, limit, lambda picture: picture.dataset))
    if near:
        meaning = "pictures that look the same in another data set on this machine"
        yield Finding("shared_near", False, meaning, _entries(near), _SHARED)


_SHARED = "do not test on the one what was trained on the other"


def _alike(pictures: Sequence[Picture], limit: int, part: Callable[[Picture], str]) -> Iterator[Group]:
    """Yield the groups of near pictures in which `part` has more than one value."""
    hashed = [picture for picture in pictures if picture.phash is not None]
    numbers = near_groups(np.array([picture.phash for picture in hashed], dtype=np.uint64), limit)
    groups: dict[int, list[Picture]] = defaultdict(list)
    for picture, number in zip(hashed, numbers.tolist(), strict=True):
        groups[number].append(picture)
    for group in groups.values():
        if len({part(picture) for picture in group}) > 1:
            yield _sorted(group)


def _sorted(group: Sequence[Picture]) -> Group:
    return tuple(sorted(group, key=lambda picture: (picture.dataset, picture.id)))


def _crosses(group: Group) -> bool:
    return len({(picture.domain, picture.split) for picture in group}) > 1


def _entries(groups: Sequence[Group]) -> tuple[Entry, ...]:
    return tuple(_entry(group) for group in groups)


def _entry(group: Group) -> Entry:
    several = len({picture.dataset for picture in group}) > 1
    ids = tuple(f"{picture.dataset}/{picture.id}" if several else picture.id for picture in group)
    parts = (
        ("data sets", {picture.dataset for picture in group}),
        ("domains", {picture.domain for picture in group}),
        ("splits", {picture.split or "none" for picture in group}),
        ("labels", {picture.label or "none" for picture in group}),
    )
    told = [f"{name} {', '.join(sorted(values))}" for name, values in parts if len(values) > 1 or name == "labels"]
    return Entry(ids, tuple(picture.path for picture in group), f"{len(group)} pictures; {'; '.join(told)}")
