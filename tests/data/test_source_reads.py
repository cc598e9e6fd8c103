"""Annotators that are shown the images of a task's sources: what they see, and when it is computed anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import annotators, tiny_images

from ucdver.data.annotate import Annotation, Column
from ucdver.data.annotation_imports import Imports
from ucdver.data.annotations import Annotators
from ucdver.data.catalog import Catalog
from ucdver.data.division import divide_task
from ucdver.data.shown import ShownSource, Sources, shown_sources
from ucdver.errors import PluginError, SpecError
from ucdver.spec.protocol import SplitRule
from ucdver.spec.recipe import ImageRecipe
from ucdver.spec.task import Domain, Task

PLAIN, NOISY, DARK = (Domain(dataset="tiny", name=name) for name in ("plain", "noisy", "dark"))
Options = Mapping[str, Mapping[str, Any]]


@pytest.fixture(autouse=True)
def _counting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("asked", "made", "looked"):
        monkeypatch.setattr(annotators.Hearsay, name, 0)


def of(held: Catalog, options: Options | None = None) -> Annotators:
    return Annotators(held.registry, options or {}, ImageRecipe(size=8), Imports(held.home))


def whole(held: Catalog, *domains: Domain) -> Sources:
    """Return all rows of some domains as what is shown."""
    return tuple(ShownSource(d, tuple(range(len(held.manifest("tiny").rows(d.name))))) for d in domains)


def column(
    held: Catalog, name: str, domain: Domain, sources: tuple[Domain, ...], options: Options | None = None
) -> Column:
    work = Annotation(held, of(held, options), torch.device("cpu"), lambda what, done, total: None)
    return work.column(name, domain, whole(held, *sources))


def texts(held: Catalog, *domains: Domain) -> list[str]:
    return [row.text for domain in domains for row in held.manifest("tiny").rows(domain.name)]


def heard(found: Column) -> list[str]:
    assert isinstance(found.values, list)
    (said,) = {text.rpartition(":")[0] for text in found.values}
    return [text.partition(" (")[0] for text in said.split(", ")]


def test_it_is_shown_what_may_be_shown_of_the_sources_and_nothing_else(tmp_path: Path) -> None:
    held = annotators.catalog(tmp_path)
    found = column(held, "hearsay", PLAIN, (NOISY, DARK))
    assert heard(found) == texts(held, NOISY, DARK) and len(found.values) == 9
    assert heard(column(held, "hearsay", NOISY, (NOISY, DARK))) == texts(held, NOISY, DARK)


def test_what_it_gives_belongs_to_the_sources_and_is_computed_once_for_them(tmp_path: Path) -> None:
    held = annotators.catalog(tmp_path)
    first, other = (column(held, "heard", PLAIN, (domain,)) for domain in (NOISY, DARK))
    assert first.file != other.file and annotators.Hearsay.asked == 18
    both = column(held, "heard", PLAIN, (NOISY, DARK))
    assert np.asarray(both.values).min() > np.asarray(first.values).max()
    for sources, wanted in (((NOISY,), first), ((DARK,), other)):
        again = column(held, "heard", PLAIN, sources)
        assert again.file == wanted.file
        np.testing.assert_array_equal(again.values, wanted.values)
    assert annotators.Hearsay.asked == 27


def test_one_after_the_other_in_one_session_each_sees_its_own_sources(tmp_path: Path) -> None:
    held = annotators.catalog(tmp_path)
    work = Annotation(held, of(held), torch.device("cpu"), lambda what, done, total: None)
    for sources in ((NOISY,), (DARK,), (NOISY, DARK)):
        assert heard(work.column("hearsay", PLAIN, whole(held, *sources))) == texts(held, *sources)
    # One model for all of them, which looks again where the sources change.
    assert (annotators.Hearsay.made, annotators.Hearsay.looked) == (1, 3)
    work.column("hearsay", DARK, whole(held, NOISY, DARK))
    assert annotators.Hearsay.looked == 3


def test_other_labels_of_the_sources_cause_no_work_and_another_image_does(tmp_path: Path) -> None:
    rows = tiny_images.rows()
    held = annotators.catalog(tmp_path, rows=rows)
    first = column(held, "hearsay", PLAIN, (NOISY,))
    order = {"red": "green", "green": "blue", "blue": "red"}
    changed = tiny_images.relabelled(rows, lambda row: order[row.labels["tiny3"]])
    tiny_images.write_list(held.root("tiny"), changed)
    held.add("tiny", held.root("tiny"))
    assert column(held, "hearsay", PLAIN, (NOISY,)).file == first.file and annotators.Hearsay.asked == 9

    tiny_images.write_list(held.root("tiny"), [row for row in changed if row.id != "noisy/000"])
    held.add("tiny", held.root("tiny"))
    assert heard(column(held, "hearsay", PLAIN, (NOISY,))) == texts(held, NOISY) != heard(first)
    assert annotators.Hearsay.asked == 18


def test_texts_that_were_imported_are_those_that_it_is_shown(tmp_path: Path) -> None:
    held = annotators.catalog(tmp_path)
    Imports(held.home).write("text", "tiny", {row.id: f"told {row.id}" for row in held.manifest("tiny").rows()})
    wanted = [f"told {row.id}" for row in held.manifest("tiny").rows("noisy")]
    assert heard(column(held, "hearsay", PLAIN, (NOISY,))) == wanted


def test_only_rows_of_training_are_shown(tmp_path: Path) -> None:
    held = annotators.catalog(tmp_path)
    task = Task(id="t", sources=(DARK, NOISY), targets=(PLAIN,), label_space="tiny3")
    found = shown_sources(task, SplitRule(kind="all", val_fraction=0.34), held, held.registry)
    assert [source.domain for source in found] == [DARK, NOISY]
    assert all(0 < len(source.rows) < 9 == len(texts(held, source.domain)) for source in found)
    work = Annotation(held, of(held), torch.device("cpu"), lambda what, done, total: None)
    wanted = [texts(held, source.domain)[number] for source in found for number in source.rows]
    assert heard(work.column("hearsay", PLAIN, found)) == wanted
    # Fewer rows are other sources.
    fewer = (ShownSource(DARK, found[0].rows[1:]), found[1])
    assert heard(work.column("hearsay", PLAIN, fewer)) == wanted[1:]


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_no_row_of_a_group_that_is_held_out_is_shown(tmp_path: Path, fold: int) -> None:
    held = annotators.catalog(tmp_path)
    task = Task(id="t", sources=(DARK, NOISY), targets=(PLAIN,), label_space="tiny3")
    rule = SplitRule(kind="grouped", val_fraction=0.2, fold=fold)
    rows = held.manifest("tiny").rows("plain")
    test = divide_task(task, rule, held, held.registry).test[0]
    away = {rows[number].group for number in test}
    found = shown_sources(task, rule, held, held.registry)
    seen = {held.manifest("tiny").rows(s.domain.name)[number].group for s in found for number in s.rows}
    assert away and seen and not away & seen


def test_the_hash_follows_the_sources_where_they_are_shown_and_only_there(tmp_path: Path) -> None:
    held = annotators.catalog(tmp_path)
    found, tiny = of(held), ("tiny",)
    reads = [found.reads_sources(name, tiny) for name in ("heard", "hearsay", "width", "text")]
    assert reads == [True, True, False, False]
    for name in ("heard", "hearsay"):
        hashes = {found.digest(name, tiny, {domain: "0"}) for domain in (NOISY, DARK)}
        assert len(hashes | {found.digest(name, tiny, {NOISY: "1"})}) == 3
        # In another order they are other sources: so they are shown.
        assert found.digest(name, tiny, {NOISY: "0", DARK: "1"}) != found.digest(name, tiny, {DARK: "1", NOISY: "0"})
    assert found.digest("width", tiny, {NOISY: "0"}) == found.digest("width", tiny)
    seen = of(held, {"hearsay": {"shown": ["image"]}}).digest("heard", tiny, {NOISY: "0"})
    before = found.digest("heard", tiny, {NOISY: "0"})
    Imports(held.home).write("text", "tiny", {row.id: "told" for row in held.manifest("tiny").rows()})
    assert of(held).digest("heard", tiny, {NOISY: "0"}) != before
    assert of(held, {"hearsay": {"shown": ["image"]}}).digest("heard", tiny, {NOISY: "0"}) == seen


def test_what_was_imported_belongs_to_no_sources(tmp_path: Path) -> None:
    held = annotators.catalog(tmp_path)
    Imports(held.home).write("hearsay", "tiny", {row.id: "told" for row in held.manifest("tiny").rows()})
    found = of(held)
    assert not found.reads_sources("heard", ("tiny",)) and found.reads_sources("hearsay", ("tiny", "toy"))
    assert found.digest("heard", ("tiny",), {NOISY: "0"}) == found.digest("heard", ("tiny",), {DARK: "0"})
    assert np.asarray(column(held, "heard", PLAIN, ()).values).tolist() == [4.0] * 9


def test_what_it_is_not_shown_and_what_cannot_be_shown_are_refused(tmp_path: Path) -> None:
    held = annotators.catalog(tmp_path)
    with pytest.raises(SpecError, match="annotator 'hearsay' reads 'text', which its spec does not name"):
        column(held, "hearsay", PLAIN, (NOISY,), {"hearsay": {"shown": ["image"]}})
    with pytest.raises(PluginError, match="source_reads must return a tuple of image, digest, text, not"):
        column(held, "hearsay", PLAIN, (NOISY,), {"hearsay": {"shown": ["labels"]}})
    with pytest.raises(PluginError, match="'heard' is shown the sources of a task, and no task was named"):
        column(held, "heard", PLAIN, ())


def test_one_that_could_not_look_is_not_asked_again_for_another_domain(tmp_path: Path) -> None:
    held = annotators.catalog(tmp_path)
    found = of(held, {"hearsay": {"shown": ["image"]}})
    work = Annotation(held, found, torch.device("cpu"), lambda what, done, total: None)
    for domain in (PLAIN, NOISY, DARK):
        with pytest.raises(SpecError, match="reads 'text'"):
            work.column("hearsay", domain, whole(held, NOISY))
    assert annotators.Hearsay.looked == 1
    with pytest.raises(SpecError, match="reads 'text'"):
        work.column("hearsay", PLAIN, whole(held, DARK))
    assert annotators.Hearsay.looked == 2


def test_one_that_has_no_way_to_look_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(annotators.Hearsay, "see_sources")
    with pytest.raises(PluginError, match=r"has source_reads and no see_sources\(batches\)"):
        column(annotators.catalog(tmp_path), "hearsay", PLAIN, (NOISY,))
