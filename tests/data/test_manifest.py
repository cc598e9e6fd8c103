from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tiny_images

from ucdver.data.manifest import Manifest, Row
from ucdver.errors import DataError

SPEC = tiny_images.spec()
SPACES = {"tiny3": tiny_images.SPACE}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_images.draw(tmp_path_factory.mktemp("tiny"), tiny_images.rows())


def build(root: Path, rows: list[Row]) -> Manifest:
    return Manifest.build(SPEC, root, rows, SPACES)


def test_rows_stand_in_an_order_that_tells_nothing_and_each_file_has_its_hash(root: Path) -> None:
    manifest, again = build(root, tiny_images.rows()[::-1]), build(root, tiny_images.rows())
    ids = [row.id for row in manifest.rows()]
    assert sorted(ids) == sorted(row.id for row in tiny_images.rows()) != ids
    assert ids == [row.id for row in again.rows()]
    assert {row.domain for row in manifest.rows("noisy")} == {"noisy"}
    assert manifest.rows("lonely") == ()
    for row in manifest.rows():
        assert manifest.digests[row.id] == hashlib.sha256((root / row.path).read_bytes()).hexdigest()


@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(root: Path, random: Random) -> None:
    rows = tiny_images.rows()
    expected = build(root, rows)
    random.shuffle(rows)
    assert build(root, rows) == expected
    assert build(root, rows).fingerprint("noisy") == expected.fingerprint("noisy")


def test_paths_and_places_do_not_move_the_fingerprint(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    moved = [replace(row, path=row.path.replace("/", "_")) for row in tiny_images.rows()]
    for row, new in zip(tiny_images.rows(), moved, strict=True):
        shutil.copy(root / row.path, tmp_path / "elsewhere" / new.path)
    before, after = build(root, tiny_images.rows()), build(tmp_path / "elsewhere", moved)
    assert all(before.fingerprint(d) == after.fingerprint(d) for d in ("plain", "noisy", "dark"))


CHANGES = {
    "label": {"labels": {"tiny3": "blue"}},
    "no label": {"labels": {}},
    "split": {"split": "val"},
    "group": {"group": "other"},
    "soft": {"soft": {"tiny3": {"red": 0.25, "blue": 0.75}}},
    "text": {"text": "good night"},
    "topic": {"topic": "01-panda"},
    "id": {"id": "plain/zzz"},
    "file": {"path": "pictures/noisy/000.png"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_a_result_could_depend_on_moves_the_fingerprint_of_that_domain_alone(
    root: Path, change: dict[str, object]
) -> None:
    rows = tiny_images.rows()
    before = build(root, rows)
    rows[0] = replace(rows[0], **change)  # type: ignore[arg-type]
    after = build(root, rows)
    assert after.fingerprint("plain") != before.fingerprint("plain")
    assert after.fingerprint("noisy") == before.fingerprint("noisy")


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(
    st.dictionaries(
        TEXT.filter(bool),
        st.tuples(TEXT, st.sampled_from(["", "train", "val", "test"]), st.sampled_from(["red", "blue", ""])),
        min_size=1,
    ),
    st.floats(0, 1),
)
def test_any_manifest_comes_back_from_parquet(root: Path, made: dict[str, tuple[str, str, str]], vote: float) -> None:
    rows = [
        Row(
            id=name,
            path="pictures/plain/000.png#" + group,
            domain="plain",
            labels={"tiny3": label} if label else {},
            split=split,
            group=group,
            soft={"tiny3": {"red": vote, "blue": 1 - vote}},
        )
        for name, (group, split, label) in made.items()
    ]
    manifest = build(root, rows)
    path = root.parent / "m.parquet"
    manifest.write(path)
    again = Manifest.read(path)
    assert again == manifest
    assert again.fingerprint("plain") == manifest.fingerprint("plain")


def test_a_part_of_a_file_has_the_files_hash_and_its_own_name_in_its_digest(root: Path) -> None:
    base = tiny_images.rows()[0]
    manifest = build(root, [replace(base, id="a", path=base.path + "#1"), replace(base, id="b", path=base.path + "#2")])
    whole = hashlib.sha256((root / base.path).read_bytes()).hexdigest()
    assert manifest.digests["a"] == hashlib.sha256(f"{whole}#1".encode()).hexdigest()
    assert manifest.digests["a"] != manifest.digests["b"]


FAULTS = {
    "unknown domain": ({"domain": "plian"}, "did you mean 'plain'"),
    "unknown split": ({"split": "dev"}, "not a split"),
    "unknown class": ({"labels": {"tiny3": "gren"}}, "did you mean 'green'"),
    "unknown space": ({"labels": {"tiny4": "red"}}, "did you mean 'tiny3'"),
    "unknown soft class": ({"soft": {"tiny3": {"gren": 1.0}}}, "did you mean 'green'"),
    "votes that do not add up": ({"soft": {"tiny3": {"red": 0.5}}}, "not a distribution"),
    "votes below nothing": ({"soft": {"tiny3": {"red": 1.5, "blue": -0.5}}}, "not a distribution"),
    "votes that are no number": ({"soft": {"tiny3": {"red": float("nan")}}}, "not a distribution"),
    "absolute path": ({"path": "/etc/hostname"}, "stay inside"),
    "drive": ({"path": "C:/x.png"}, "stay inside"),
    "parent": ({"path": "pictures/../../x.png"}, "stay inside"),
    "parent that comes back": ({"path": "pictures/../rows.csv"}, "stay inside"),
    "nothing": ({"path": "#1"}, "stay inside"),
    "folder": ({"path": "pictures"}, "not a file"),
    "missing": ({"path": "pictures/none.png"}, "not a file"),
    "second id": ({"id": "plain/001"}, "more than one row"),
    "empty id": ({"id": ""}, "empty id"),
    "half a character in its text": ({"text": "\ud83d"}, "text, topic or group is not UTF-8"),
}


@pytest.mark.parametrize(("change", "says"), FAULTS.values(), ids=FAULTS)
def test_a_wrong_row_is_refused_in_words(root: Path, change: dict[str, object], says: str) -> None:
    rows = tiny_images.rows()
    rows[0] = replace(rows[0], **change)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=says):
        build(root, rows)


def test_links_may_stay_inside_and_must_not_leave(root: Path, tmp_path: Path) -> None:
    inside = tiny_images.draw(tmp_path / "tiny", tiny_images.rows(1))
    (inside / "link.png").symlink_to(inside / "pictures" / "plain" / "000.png")
    row = replace(tiny_images.rows()[0], path="link.png")
    assert build(inside, [row]).rows("plain") == (row,)
    (inside / "out.png").symlink_to(root / row.path.replace("link.png", "pictures/plain/000.png"))
    with pytest.raises(DataError, match="stay inside"):
        build(inside, [replace(row, path="out.png")])


def test_an_empty_file_and_an_empty_data_set_are_refused(tmp_path: Path) -> None:
    root = tiny_images.draw(tmp_path, tiny_images.rows(1))
    (root / "pictures" / "plain" / "000.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"000\.png is empty"):
        build(root, tiny_images.rows(1))
    with pytest.raises(DataError, match="nothing was found"):
        build(root, [])


def test_every_missing_file_is_counted(tmp_path: Path) -> None:
    root = tiny_images.draw(tmp_path, tiny_images.rows(3))
    shutil.rmtree(root / "pictures" / "noisy")
    with pytest.raises(DataError, match="and 2 more"):
        build(root, tiny_images.rows(3))


def test_an_unknown_domain_is_named(root: Path) -> None:
    with pytest.raises(DataError, match="did you mean 'noisy'"):
        build(root, tiny_images.rows()).rows("nosy")


@pytest.mark.parametrize("cut", [0, 4, 200, -1])
def test_a_damaged_manifest_is_a_data_error(root: Path, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "m.parquet"
    build(root, tiny_images.rows()).write(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match="is not a manifest"):
        Manifest.read(path)


def test_a_foreign_parquet_file_is_a_data_error(tmp_path: Path) -> None:
    import pandas as pd

    pd.DataFrame({"id": ["a"]}).to_parquet(tmp_path / "m.parquet")
    with pytest.raises(DataError, match="is not a manifest"):
        Manifest.read(tmp_path / "m.parquet")
