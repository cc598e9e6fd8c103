"""Annotators that are shown the images of a task's sources: what they see, and when it is computed anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import annotators, tiny_images

from ucdver.data.annotate import Annotation, Column, Sources
from ucdver.data.annotation_imports import Imports
from ucdver.data.annotations import Annotators
from ucdver.data.catalog import Catalog
from ucdver.errors import PluginError, SpecError
from ucdver.spec.recipe import ImageRecipe
from ucdver.spec.task import Domain

PLAIN, NOISY, DARK = (Domain(dataset="tiny", name=name) for name in ("plain", "noisy", "dark"))
Options = Mapping[str, Mapping[str, Any]]


@pytest.fixture(autouse=True)
def _counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotators.Hearsay, "asked", 0)


def of(held: Catalog, options: Options | None = None) -> Annotators:
    return Annotators(held.registry, options or {}, ImageRecipe(size=8), Imports(held.home))


def column(held: Catalog, name: str, domain: Domain, sources: Sources, options: Options | None = None) -> Column:
    work = Annotation(held, of(held, options), torch.device("cpu"), lambda what, done, total: None)
    return work.column(name, domain, sources)


def texts(held: Catalog, *domains: Domain) -> list[str]:
    return [row.text for domain in domains for row in held.manifest("tiny").rows(domain.name)]


def heard(found: Column) -> list[str]:
    assert isinstance(found.values, list)
    (said,) = {text.rpartition(":")[0] for text in found.values}
    return [text.partition(" (")[0] for text in said.split(", ")]


def test_it_is_shown_all_images_of_the_sources_and_none_of_the_target(tmp_path: Path) -> None:
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
        assert heard(work.column("hearsay", PLAIN, sources)) == texts(held, *sources)


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


def test_the_hash_follows_the_sources_where_they_are_shown_and_only_there(tmp_path: Path) -> None:
    held = annotators.catalog(tmp_path)
    found = of(held)
    assert [found.reads_sources(name) for name in ("heard", "hearsay", "width", "text")] == [True, True, False, False]
    for name in ("heard", "hearsay"):
        hashes = {found.digest(name, ("tiny",), {domain: "0"}) for domain in (NOISY, DARK)}
        assert len(hashes | {found.digest(name, ("tiny",), {NOISY: "1"})}) == 3
    assert found.digest("width", ("tiny",), {NOISY: "0"}) == found.digest("width", ("tiny",))
    before = found.digest("heard", ("tiny",), {NOISY: "0"})
    Imports(held.home).write("text", "tiny", {row.id: "told" for row in held.manifest("tiny").rows()})
    assert of(held).digest("heard", ("tiny",), {NOISY: "0"}) != before


def test_what_it_is_not_shown_and_what_cannot_be_shown_are_refused(tmp_path: Path) -> None:
    held = annotators.catalog(tmp_path)
    with pytest.raises(SpecError, match="annotator 'hearsay' reads 'text', which its spec does not name"):
        column(held, "hearsay", PLAIN, (NOISY,), {"hearsay": {"shown": ["image"]}})
    with pytest.raises(PluginError, match="source_reads must return a tuple of image, digest, text, not"):
        column(held, "hearsay", PLAIN, (NOISY,), {"hearsay": {"shown": ["labels"]}})
    with pytest.raises(PluginError, match="'heard' is shown the sources of a task, and no task was named"):
        column(held, "heard", PLAIN, ())


def test_one_that_has_no_way_to_look_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(annotators.Hearsay, "see_sources")
    with pytest.raises(PluginError, match=r"has source_reads and no see_sources\(batches\)"):
        column(annotators.catalog(tmp_path), "hearsay", PLAIN, (NOISY,))
