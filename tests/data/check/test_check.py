from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from support import real_tree as tree
from support.checks import MAP, check, kinds

from ucdver.data.check.duplicates import PLACEHOLDER_COPIES, PLACEHOLDER_LABELLED
from ucdver.data.check.run import check_dataset, quarantine_list
from ucdver.data.manifest import Row
from ucdver.data.quarantine import read_quarantine, write_quarantine
from ucdver.errors import DataError


def test_a_whole_data_set_in_four_formats_has_nothing_to_tell(tmp_path: Path, rows: list[Row]) -> None:
    report = check(tmp_path, rows)
    assert (report.findings, report.rows, report.files, report.read) == ((), 20, 20, 20)
    assert check(tmp_path, rows).read == 0


def test_missing_empty_and_damaged_files_are_told_one_by_one(tmp_path: Path, rows: list[Row]) -> None:
    root = tmp_path / "real"
    (root / rows[0].path).unlink()
    (root / rows[1].path).write_bytes(b"")
    for row in rows[4:8]:
        data = (root / row.path).read_bytes()
        (root / row.path).write_bytes(data[: len(data) // 2])
    (root / rows[8].path).write_bytes(b"<html>this picture is gone</html>")
    report = check(tmp_path, rows)
    found = kinds(report)
    assert found["missing"] == [[rows[0].id]]
    assert found["empty"] == [[rows[1].id]]
    # Pillow gives the part of a GIF or WebP that is there only where that is all of the first frame.
    assert {tuple(ids) for ids in found["unreadable"]} >= {(rows[4].id,), (rows[5].id,), (rows[8].id,)}
    assert report.has_faults
    unreadable = report.finding("unreadable")
    assert unreadable is not None
    reasons = {entry.ids[0]: entry.detail for entry in unreadable.entries}
    assert "truncated" in reasons[rows[4].id]
    assert reasons[rows[8].id] == "no picture that can be read"


def test_what_leaves_the_folder_is_told_and_never_read(tmp_path: Path, rows: list[Row]) -> None:
    root = tmp_path / "real"
    (tmp_path / "secret.png").write_bytes(tree.encoded(tree.picture(500), "PNG"))
    (root / "out.png").symlink_to(tmp_path / "secret.png")
    away = [tree.add_row(rows, path) for path in ("out.png", "../secret.png", "/etc/hostname", "C:/x.png")]
    report = check(tmp_path, [*rows, *away])
    assert kinds(report) == {"outside": [[row.id] for row in away]}
    assert report.has_faults
    assert report.read == 20


def test_a_url_list_may_miss_files(tmp_path: Path, rows: list[Row]) -> None:
    (tmp_path / "real" / rows[3].path).unlink()
    spec = tree.spec(may_miss_files=True)
    report = check(tmp_path, rows, spec)
    assert kinds(report) == {"missing": [[rows[3].id]]}
    assert not report.has_faults
    manifest = tree.catalog(tmp_path, spec).add("real", tmp_path / "real")
    assert (len(manifest.rows()), dict(manifest.left_out)) == (19, {"missing": 1})
    with pytest.raises(DataError, match="is not a file"):
        tree.catalog(tmp_path).add("real", tmp_path / "real")


def placeholders(folder: Path, rows: list[Row], copies: int, labels: Sequence[str]) -> list[Row]:
    data = tree.encoded(tree.picture(700))
    made = [tree.add_row(rows, f"gone/{n}.jpg", labels[n % len(labels)]) for n in range(copies)]
    for row in made:
        tree.write(folder / "real", row.path, data)
    return made


@pytest.mark.parametrize(
    ("copies", "labels", "kind"),
    [
        (PLACEHOLDER_LABELLED, ("joy", "fear"), "placeholder"),
        (PLACEHOLDER_LABELLED - 1, ("joy", "fear"), "duplicate_labels"),
        (PLACEHOLDER_COPIES, ("joy",), "placeholder"),
        (PLACEHOLDER_COPIES - 1, ("joy",), "duplicate"),
    ],
)
def test_many_copies_under_many_ids_are_placeholders(
    tmp_path: Path, rows: list[Row], copies: int, labels: Sequence[str], kind: str
) -> None:
    made = placeholders(tmp_path, rows, copies, labels)
    report = check(tmp_path, [*rows, *made])
    assert kinds(report) == {kind: [sorted(row.id for row in made)]}
    assert report.has_faults is (kind != "duplicate")


def test_copies_and_pictures_saved_again_are_found_within_and_across_splits(tmp_path: Path, rows: list[Row]) -> None:
    root = tmp_path / "real"
    original = tree.picture(800, (320, 240))
    for path, data in {
        "a/original.png": tree.encoded(original, "PNG"),
        "a/copy.png": tree.encoded(original, "PNG"),
        "b/again.jpg": tree.encoded(original, "JPEG", 60),
        "b/small.webp": tree.encoded(original.resize((160, 120)), "WebP"),
        "c/one.jpg": tree.encoded(tree.picture(801)),
        "c/two.jpg": tree.encoded(tree.picture(801), "JPEG", 50),
        "d/drawn.png": tree.encoded(tree.picture(802), "PNG"),
        "d/drawn-copy.png": tree.encoded(tree.picture(802), "PNG"),
    }.items():
        tree.write(root, path, data)
    original_row = tree.add_row(rows, "a/original.png")
    copy = tree.add_row(rows, "a/copy.png", split="test")
    again, small = tree.add_row(rows, "b/again.jpg"), tree.add_row(rows, "b/small.webp")
    one, two = tree.add_row(rows, "c/one.jpg"), tree.add_row(rows, "c/two.jpg")
    drawn, drawn_copy = tree.add_row(rows, "d/drawn.png"), tree.add_row(rows, "d/drawn-copy.png", domain="sticker")
    report = check(tmp_path, [*rows, original_row, copy, again, small, one, two, drawn, drawn_copy])
    assert kinds(report) == {
        "duplicate_across": [[copy.id, original_row.id], [drawn.id, drawn_copy.id]],
        "near_across": [[copy.id, original_row.id, again.id, small.id]],
        "near": [[one.id, two.id]],
    }
    across = report.finding("duplicate_across")
    assert across is not None and across.fault
    assert across.entries[0].detail == "2 pictures; splits test, train; labels joy"
    assert "domains photo, sticker" in across.entries[1].detail
    assert not any(finding.fault for finding in report.findings if finding.kind.startswith("near"))


def test_pictures_that_another_data_set_has_too_are_named_with_both(tmp_path: Path, rows: list[Row]) -> None:
    other = tree.spec(name="other")
    theirs = [replace(row, id=f"x{number}") for number, row in enumerate(tree.rows(6, "sticker"))]
    tree.grow(tmp_path / "other", theirs)
    tree.write(tmp_path / "other", theirs[0].path, (tmp_path / "real" / rows[1].path).read_bytes())
    tree.write(tmp_path / "other", theirs[1].path, tree.encoded(tree.picture(5002), "JPEG", 60))
    held = tree.catalog(tmp_path, tree.spec(), other, maps=[MAP])
    held.add("other", tmp_path / "other")
    tree.write_list(tmp_path / "real", rows)
    report, _ = check_dataset(held, held.place("real", tmp_path / "real"))
    assert report.compared == ("other",)
    assert kinds(report) == {
        "shared": [["other/x0", f"real/{rows[1].id}"]],
        "shared_near": [["other/x1", f"real/{rows[2].id}"]],
    }
    assert not report.has_faults
    for log in (held.folder("other")).glob("scan-*"):
        log.unlink()
    report, _ = check_dataset(held, held.place("real", tmp_path / "real"))
    assert (report.compared, report.not_compared, kinds(report)) == ((), ("other",), {})


def test_counts_are_held_against_the_published_ones_class_by_class(tmp_path: Path, rows: list[Row]) -> None:
    def told(histogram: dict[str, dict[str, int]]) -> list[str]:
        report = check(tmp_path, rows, tree.spec(histogram=histogram))
        finding = report.finding("histogram")
        assert report.has_faults is (finding is not None)
        return [entry.detail for entry in finding.entries] if finding else []

    assert told({"": {"joy": 7, "fear": 7, "anger": 6}}) == []
    assert told({"test": {"joy": 2, "fear": 1, "anger": 1}}) == []
    assert told({"": {"joy": 9, "fear": 7}}) == [
        "all splits: joy has 7, published 9",
        "all splits: anger has 6, published 0",
    ]
    mixed = told({"": {"joy": 6, "fear": 7, "anger": 7}})
    assert mixed[-1] == "all splits: these are the published counts of other classes: the labels are mixed up"
    assert "no label space of the spec has all of awe" in told({"": {"awe": 1}})[0]


def test_classes_without_a_map_and_maps_that_do_not_fit_are_told(tmp_path: Path, rows: list[Row]) -> None:
    tree.write_list(tmp_path / "real", rows)
    lone = tree.catalog(tmp_path)
    report, _ = check_dataset(lone, lone.place("real", tmp_path / "real"))
    (finding,) = report.findings
    assert (finding.kind, finding.fault) == ("unmapped", False)
    assert finding.entries[0].detail == "three: anger (6 rows), fear (7 rows), joy (7 rows)"
    half = MAP.model_copy(update={"table": {"joy": "good", "fear": "bad"}})
    held = tree.catalog(tmp_path, maps=[half])
    report, _ = check_dataset(held, held.place("real", tmp_path / "real"))
    assert {finding.kind: finding.fault for finding in report.findings} == {"maps": True, "unmapped": False}


def test_rows_that_add_would_refuse_are_all_told(tmp_path: Path, rows: list[Row]) -> None:
    bad = [replace(rows[0], id="a", domain="phto"), replace(rows[1], id="b", labels={"three": "jy"})]
    report = check(tmp_path, [*rows, *bad, replace(rows[2], labels={"three": "joy"})])
    finding = report.finding("rows")
    assert finding is not None and finding.fault
    assert [entry.ids[0] for entry in finding.entries] == [rows[2].id, rows[2].id, "a", "b"]


def test_names_that_other_systems_trip_over_are_notes(tmp_path: Path, rows: list[Row]) -> None:
    root = tmp_path / "real"
    loose = unicodedata.normalize("NFD", "café.png")
    paths = ["Twin.png", "twin.png", loose, "what?.png", "ok/con.png"]
    for number, path in enumerate(paths):
        tree.write(root, path, tree.encoded(tree.picture(900 + number), "PNG"))
    more = [tree.add_row(rows, path) for path in paths]
    report = check(tmp_path, [*rows, *more])
    assert kinds(report) == {
        "case_twins": [[more[0].id, more[1].id]],
        "windows_names": [[more[3].id], [more[4].id]],
        "not_nfc": [[more[2].id]],
    }
    assert not report.has_faults


def test_what_is_quarantined_is_left_out_until_its_file_is_another(tmp_path: Path, rows: list[Row]) -> None:
    root = tmp_path / "real"
    whole = (root / rows[4].path).read_bytes()
    (root / rows[4].path).write_bytes(whole[: len(whole) // 2])
    (root / rows[5].path).write_bytes(b"")
    gone = placeholders(tmp_path, rows, 4, ("joy", "fear"))
    tree.write_list(root, [*rows, *gone])
    held = tree.catalog(tmp_path, maps=[MAP])
    place = held.place("real", root)
    with pytest.raises(DataError, match="is empty"):
        held.add("real", root)
    _, checked = check_dataset(held, place)
    listed = quarantine_list(checked, {})
    assert {one.id for one in listed} == {rows[4].id, rows[5].id}
    write_quarantine(place.folder, listed)
    before = held.add("real", root)
    assert (len(before.rows()), before.left_out) == (22, {"quarantined": 2})
    report, checked = check_dataset(held, place)
    assert set(kinds(report)) == {"quarantined", "placeholder"}
    listed = quarantine_list(checked, read_quarantine(place.folder), placeholders=True)
    assert {one.id for one in listed} == {rows[4].id, rows[5].id, *(row.id for row in gone)}
    write_quarantine(place.folder, listed)
    assert not check_dataset(held, place)[0].has_faults
    after = held.add("real", root)
    assert len(after.rows()) == 18
    assert after.fingerprint("photo") != before.fingerprint("photo")
    (root / rows[4].path).write_bytes(whole)
    assert rows[4].id in {row.id for row in held.add("real", root).rows()}
