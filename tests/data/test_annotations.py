from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import annotators, tiny_images

from ucdver.data.annotate import Annotation, Column
from ucdver.data.annotation_cache import open_annotations, write_link
from ucdver.data.annotation_imports import Imports, read_texts
from ucdver.data.annotations import Annotators
from ucdver.data.catalog import Catalog
from ucdver.errors import ConfigError, DataError, PluginError
from ucdver.spec.plugin import AnnotatorSpec
from ucdver.spec.recipe import ImageRecipe
from ucdver.spec.task import Domain

PLAIN, NOISY = (Domain(dataset="tiny", name=name) for name in ("plain", "noisy"))
Options = Mapping[str, Mapping[str, Any]]


@pytest.fixture(autouse=True)
def _counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotators.Caption, "seen", 0)
    monkeypatch.setattr(annotators.Caption, "stop_at", -1)


def of(held: Catalog, options: Options | None = None, size: int = 8) -> Annotators:
    return Annotators(held.registry, options or {}, ImageRecipe(size=size), Imports(held.home))


def column(held: Catalog, name: str, domain: Domain = PLAIN, options: Options | None = None) -> Column:
    work = Annotation(held, of(held, options), torch.device("cpu"), lambda what, done, total: None)
    return work.column(name, domain)


def test_an_annotation_is_computed_once_and_belongs_to_its_row(tmp_path: Path) -> None:
    held = annotators.catalog(tmp_path)
    rows = held.manifest("tiny").rows("plain")
    found = column(held, "caption").values
    assert [text.split(" of ")[1] for text in found] == [f"text {row.id[-3:]}" for row in rows]
    widths = column(held, "width", options={"width": {"width": 3}}).values
    assert isinstance(widths, np.ndarray) and widths.dtype == np.float16
    np.testing.assert_array_equal(widths, np.array([[len(str(text))] * 3 for text in found]))
    assert annotators.Caption.seen == len(rows) == 9


def test_topics_are_groups_and_an_image_without_one_is_alone(tmp_path: Path) -> None:
    held = annotators.catalog(tmp_path)
    for domain, groups in ((PLAIN, 5), (NOISY, 9)):
        values = np.asarray(column(held, "topic", domain).values)
        topics = [row.topic or row.id for row in held.manifest("tiny").rows(domain.name)]
        assert len(set(values.tolist())) == len(set(topics)) == groups and (values >= 0).all()
        same = np.array(topics)[:, None] == np.array(topics)[None]
        np.testing.assert_array_equal(values[:, None] == values[None], same)


def test_neither_labels_nor_the_order_of_rows_move_a_value_or_cause_work(tmp_path: Path) -> None:
    rows = tiny_images.rows()
    held = annotators.catalog(tmp_path, rows=rows)
    first = {name: column(held, name) for name in ("topic", "width", "caption")}
    order = {"red": "green", "green": "blue", "blue": "red"}
    tiny_images.write_list(
        held.root("tiny"), tiny_images.relabelled(rows, lambda row: order[row.labels["tiny3"]])[::-1]
    )
    before = held.manifest("tiny").fingerprint("plain")
    held.add("tiny", held.root("tiny"))
    assert held.manifest("tiny").fingerprint("plain") != before
    seen = annotators.Caption.seen
    for name, values in first.items():
        assert column(held, name).file == values.file
    assert annotators.Caption.seen == seen


def test_an_image_that_is_added_is_the_only_one_that_is_computed(tmp_path: Path) -> None:
    rows = tiny_images.rows(9, ("plain",))
    held = annotators.catalog(tmp_path, rows=rows)
    tiny_images.write_list(held.root("tiny"), rows[:-1])
    held.add("tiny", held.root("tiny"))
    column(held, "width")
    tiny_images.write_list(held.root("tiny"), rows)
    held.add("tiny", held.root("tiny"))
    column(held, "width")
    assert annotators.Caption.seen == 9


def test_what_was_interrupted_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = annotators.catalog(tmp_path)
    monkeypatch.setattr(annotators.Caption, "stop_at", 4)
    with pytest.raises(KeyboardInterrupt):
        column(held, "caption")
    assert not list((held.home / "annotations").glob("caption-*/domains/*"))
    monkeypatch.setattr(annotators.Caption, "stop_at", -1)
    column(held, "caption", NOISY)
    stopped = column(held, "caption").values
    assert annotators.Caption.seen == 18
    assert stopped == column(annotators.catalog(tmp_path / "other"), "caption").values
    assert not list((held.home / "annotations").glob("caption-*/shards/*"))


@pytest.mark.parametrize(
    "pattern", ["caption-*/domains/*.jsonl", "width-*/domains/*.keys.npy", "width-*/domains/*.npy"]
)
def test_a_damaged_file_is_computed_again(tmp_path: Path, pattern: str) -> None:
    held = annotators.catalog(tmp_path)
    before = np.array(column(held, "width").values)
    for path in (held.home / "annotations").glob(pattern):
        path.write_bytes(path.read_bytes()[:-3])
    np.testing.assert_array_equal(column(held, "width").values, before)


def test_the_hash_follows_all_that_makes_an_annotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = annotators.catalog(tmp_path)

    def digest(options: Options | None = None, size: int = 8) -> str:
        return of(held, options, size).digest("width", ("tiny",))

    usual = digest()
    assert digest() == usual == digest({"width": {"width": 2}})
    others = {digest({"width": {"width": 3}}), digest(size=16)}
    monkeypatch.setattr(annotators.Caption, "weights_sha256", classmethod(lambda cls, config, fetch: "0" * 64))
    others.add(digest())
    monkeypatch.undo()
    Imports(held.home).write("caption", "tiny", {row.id: "a" for row in held.manifest("tiny").rows()})
    others.add(digest())
    Imports(held.home).write("caption", "tiny", {row.id: "b" for row in held.manifest("tiny").rows()})
    others.add(digest())
    assert len(others) == 5 and usual not in others


def spec(name: str, *reads: str) -> AnnotatorSpec:
    return AnnotatorSpec(
        name=name, version="1", target="support.annotators:Width", summary="s", kind="tensor", reads=reads
    )


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("weights_sha256", "annotator 'width', weights_sha256 raised ZeroDivisionError"),
        ("image_recipe", "annotator 'caption', image_recipe raised ZeroDivisionError"),
        ("source_reads", "annotator 'width', source_reads raised ZeroDivisionError"),
    ],
)
def test_what_an_annotator_raises_when_runs_are_planned_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, says: str
) -> None:
    held = annotators.catalog(tmp_path)
    kind = annotators.Caption if part == "image_recipe" else annotators.Width
    monkeypatch.setattr(kind, part, classmethod(lambda *given, **named: 1 / 0))
    with pytest.raises(PluginError, match=says):
        of(held).digest(says.split("'")[1], ["tiny"])


def test_circles_and_misspelt_names_are_refused() -> None:
    circle = Annotators(
        annotators.registry([spec("a", "b"), spec("b", "image", "c"), spec("c", "a"), spec("d", "imag")]),
        {},
        ImageRecipe(),
        Imports(Path("none")),
    )
    with pytest.raises(PluginError, match="in a circle: a -> b -> c -> a"):
        circle.order(["a"])
    with pytest.raises(PluginError, match="'d' reads 'imag', which is no annotator; did you mean 'image'"):
        circle.order(["d"])


def test_a_method_is_given_no_texts_and_options_are_checked(tmp_path: Path) -> None:
    found = of(annotators.catalog(tmp_path), {"width": {"widht": 2}})
    with pytest.raises(PluginError, match="method 'm' asks for 'caption', an annotator of kind text"):
        found.check_extras("m", ("caption",))
    with pytest.raises(PluginError, match="must return a tuple"):
        found.check_extras("m", "width")
    with pytest.raises(ConfigError, match="annotator 'width' has no option 'widht'; did you mean 'width'"):
        found.digest("width", ("tiny",))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("nan", "annotator 'width' gave a value for image 'plain/.*' that is not finite"),
        ("large", "that is not finite in float16"),
        ("few", r"must return a tensor \[9, ...\]"),
        ("type", "stores float16 and returned torch.int64"),
        ("other", "annotator 'width' could not annotate: KeyError"),
    ],
)
def test_what_an_annotator_may_not_return(tmp_path: Path, broken: str, says: str) -> None:
    with pytest.raises((DataError, PluginError), match=says):
        column(annotators.catalog(tmp_path), "width", options={"width": {"broken": broken}})


def test_a_number_that_its_type_cannot_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotators.Width, "dtype", "int32")
    with pytest.raises(PluginError, match="gave a number that int32 cannot hold"):
        column(annotators.catalog(tmp_path), "width", options={"width": {"broken": "wide"}})


def test_versions_of_a_picture_need_an_axis_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = annotators.specs()
    viewed = [one.model_copy(update={"views": one.name == "width"}) for one in plain]
    monkeypatch.setattr(annotators, "specs", lambda: viewed)
    with pytest.raises(PluginError, match=r"must return a tensor \[9, V, N, ...\]"):
        column(annotators.catalog(tmp_path), "width")


def test_a_text_has_no_versions() -> None:
    with pytest.raises(ValueError, match="only kind 'tensor' can have"):
        AnnotatorSpec(name="a", version="1", target="a:B", summary="s", kind="text", reads=("image",), views=True)


def test_runs_open_what_was_computed_or_say_why_not(tmp_path: Path) -> None:
    held = annotators.catalog(tmp_path)
    run = tiny_images.run_spec(held).model_copy(update={"annotations": {"width": "0" * 64}})
    with pytest.raises(DataError, match=r"annotation 'width' of tiny:plain has not been computed; .*ucdver prepare"):
        open_annotations(held.home, run, "width", PLAIN)
    write_link(held.home, run, "width", PLAIN, None, "the model is absent")
    with pytest.raises(DataError, match="could not be computed: the model is absent"):
        open_annotations(held.home, run, "width", PLAIN)
    made = column(held, "width")
    write_link(held.home, run, "width", PLAIN, made.file)
    np.testing.assert_array_equal(open_annotations(held.home, run, "width", PLAIN), made.values)
    assert made.file is not None
    keys = made.file.with_name(f"{made.file.stem}.keys.npy")
    for damage in (lambda: keys.write_bytes(b"\x93NUMPY and no more"), keys.unlink, made.file.unlink):
        damage()
        with pytest.raises(DataError, match=r"is gone from .*ucdver prepare"):
            open_annotations(held.home, run, "width", PLAIN)
        # What the error says to type mends it.
        np.testing.assert_array_equal(column(held, "width").values, made.values)
        np.testing.assert_array_equal(open_annotations(held.home, run, "width", PLAIN), made.values)


def lines(held: Catalog, text: Callable[[str], str] = str.upper) -> list[str]:
    return [json.dumps({"id": f"tiny/{r.id}", "text": text(r.id)}) for r in held.manifest("tiny").rows("plain")]


def test_imported_texts_stand_in_for_what_would_be_computed(tmp_path: Path) -> None:
    held = annotators.catalog(tmp_path)
    file = tmp_path / "captions.jsonl"
    file.write_text("\n".join(lines(held)) + "\n\n")
    texts = read_texts(file, {"tiny": held.manifest("tiny")}, {"tiny": ["plain"]})
    Imports(held.home).write("caption", "tiny", texts["tiny"])
    ids = [row.id for row in held.manifest("tiny").rows("plain")]
    assert column(held, "caption").values == [row_id.upper() for row_id in ids]
    np.testing.assert_array_equal(column(held, "width").values, [[len(row_id)] * 2 for row_id in ids])
    assert annotators.Caption.seen == 0
    with pytest.raises(DataError, match="the texts imported for 'caption' lack 'tiny/noisy/"):
        column(held, "width", NOISY)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda all_: [*all_[:2], "{", *all_[3:]], r"c\.jsonl:3: not JSON"),
        (lambda all_: [*all_[:2], '{"id": "tiny/plain/001"}', *all_[3:]], r"c\.jsonl:3: not an object of exactly"),
        (lambda all_: [*all_, all_[0]], r"c\.jsonl:10: 'tiny/plain/\d+' stands on line 1 already"),
        (lambda all_: [*all_, '{"id": "tiny/plain/999", "text": ""}'], r"c\.jsonl:10: .* no image 'plain/999'"),
        (lambda all_: [*all_, '{"id": "tinny/plain/999", "text": ""}'], r"c\.jsonl:10: .* did you mean 'tiny'"),
        (lambda all_: all_[:-2], r"c\.jsonl:7: the file ends without 'tiny/plain/\d+' and 1 others"),
        (lambda all_: [], r"c\.jsonl:0: the file ends without a text"),
    ],
)
def test_a_file_of_texts_is_refused_with_its_line(
    tmp_path: Path, change: Callable[[list[str]], list[str]], says: str
) -> None:
    held = annotators.catalog(tmp_path)
    file = tmp_path / "c.jsonl"
    file.write_text("".join(f"{line}\n" for line in change(lines(held))))
    with pytest.raises(DataError, match=says):
        read_texts(file, {"tiny": held.manifest("tiny")}, {"tiny": ["plain"]})
