from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from support import tiny_images

from ucdver.data.catalog import Catalog
from ucdver.data.manifest import Row
from ucdver.errors import DataError, FetchError, PluginError
from ucdver.plugins import load_registry, reset

FETCHED = tiny_images.spec(fetch="support.tiny_images:fetch")


def test_what_was_added_is_there_for_another_process(tmp_path: Path) -> None:
    held = tiny_images.catalog(tmp_path)
    other = Catalog(tiny_images.registry(), tmp_path / "home")
    assert other.manifest("tiny") == held.manifest("tiny") == other.ensure("tiny")
    assert other.root("tiny") == tmp_path / "tiny"
    status = other.status("tiny")
    assert (status.state, status.root_exists, status.hint) == ("ready", True, "")
    assert status.counts == {"plain": 9, "noisy": 9, "dark": 9, "lonely": 0}


def test_an_absent_data_set_says_what_to_type(tmp_path: Path) -> None:
    empty = Catalog(tiny_images.registry(), tmp_path / "home")
    for ask in (empty.manifest, empty.ensure, empty.root):
        with pytest.raises(DataError, match=r"ucdver data add tiny --root DIR .*draw it yourself"):
            ask("tiny")
    assert empty.status("tiny").state == "absent"
    assert not (tmp_path / "home").exists()
    with pytest.raises(FetchError, match="cannot be fetched"):
        empty.fetch("tiny")
    with pytest.raises(PluginError, match="did you mean 'tiny'"):
        empty.ensure("tinny")


def test_another_version_of_the_reader_invalidates_what_was_read(tmp_path: Path) -> None:
    tiny_images.catalog(tmp_path)
    newer = Catalog(tiny_images.registry(tiny_images.spec(version="2")), tmp_path / "home")
    with pytest.raises(DataError, match=f"version 1 .* now 2; ucdver data add tiny --root {tmp_path / 'tiny'}"):
        newer.ensure("tiny")
    assert newer.status("tiny").state == "outdated"
    newer.add("tiny", tmp_path / "tiny")
    assert newer.ensure("tiny").version == "2"


def test_a_change_of_domains_invalidates_it_too(tmp_path: Path) -> None:
    tiny_images.catalog(tmp_path)
    changed = tiny_images.registry(tiny_images.spec(domains=(*tiny_images.DOMAINS, "new")))
    assert Catalog(changed, tmp_path / "home").status("tiny").state == "outdated"
    with pytest.raises(DataError, match="ucdver data add tiny"):
        Catalog(changed, tmp_path / "home").manifest("tiny")


LOCAL = """\
import ucdver


def read(root):
    return [ucdver.Row(path.stem, path.name, "x", {"toy3": "disc"}) for path in sorted(root.glob("*.png"))]


@ucdver.hookimpl
def ucdver_datasets():
    words = {"summary": "read here", "licence": "none", "obtain": "draw it"}
    return [ucdver.DatasetSpec(name="read_here", version="1", reader="ucdver_local:read", domains=("x",),
                               label_spaces=("toy3",), **words)]
"""


def test_an_edit_of_a_local_reader_asks_for_the_data_to_be_read_again(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    Image.new("RGB", (4, 4)).save(root / "a.png")

    def local(text: str) -> Catalog:
        (tmp_path / "ucdver_local.py").write_text(text)
        reset()
        return Catalog(load_registry(tmp_path), tmp_path / "home")

    first = local(LOCAL).add("read_here", root)
    assert local(LOCAL).status("read_here").state == "ready"
    edited = local(LOCAL.replace('"disc"', '"bar"'))
    assert (edited.status("read_here").state, edited.status("read_here").counts) == ("outdated", {})
    assert f"ucdver data add read_here --root {root}" in edited.status("read_here").hint
    with pytest.raises(DataError, match=f"'ucdver_local:read' was edited; ucdver data add read_here --root {root}"):
        edited.manifest("read_here")
    second = edited.add("read_here", root)
    assert edited.status("read_here").state == "ready"
    assert [row.labels["toy3"] for row in edited.manifest("read_here").rows()] == ["bar"]
    # An edit that gives the same rows leaves the fingerprint, and with it every run, as it was.
    assert second.fingerprint("x") != first.fingerprint("x")
    assert local(f"{LOCAL}# an edit\n").add("read_here", root).fingerprint("x") == first.fingerprint("x")


def test_a_local_reader_that_is_gone_is_told_by_status(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    Image.new("RGB", (4, 4)).save(root / "a.png")
    (tmp_path / "ucdver_local.py").write_text(LOCAL)
    reset()
    Catalog(load_registry(tmp_path), tmp_path / "home").add("read_here", root)
    (tmp_path / "ucdver_local.py").write_text(LOCAL.replace("def read(", "def reed("))
    reset()
    status = Catalog(load_registry(tmp_path), tmp_path / "home").status("read_here")
    assert status.state == "outdated" and "read" in status.hint


def test_a_fetched_data_set_whose_local_reader_was_edited_is_read_and_not_fetched_again(tmp_path: Path) -> None:
    text = LOCAL.replace("read_here", "fetched_here").replace("**words", 'fetch="support.tiny_images:fetch", **words')
    text = text.replace('root.glob("*.png")', 'root.glob("pictures/plain/*.png")').replace(
        "path.name", "path.relative_to(root).as_posix()"
    )
    for edited in (text, f"{text}# an edit\n"):
        (tmp_path / "ucdver_local.py").write_text(edited)
        reset()
        held = Catalog(load_registry(tmp_path), tmp_path / "home")
        assert len(held.ensure("fetched_here").rows()) == 3
        assert held.status("fetched_here").state == "ready"
    assert len((tmp_path / "home" / "fetched" / "calls.txt").read_text().splitlines()) == 1


def test_reading_again_replaces_the_manifest_that_is_held(tmp_path: Path) -> None:
    held = tiny_images.catalog(tmp_path)
    assert len(held.manifest("tiny").rows()) == 27
    held.add("tiny", tiny_images.draw(tmp_path / "other", tiny_images.rows(2)))
    assert len(held.manifest("tiny").rows()) == 6
    assert held.root("tiny") == tmp_path / "other"


def test_a_folder_that_is_not_this_data_set_is_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    empty = Catalog(tiny_images.registry(), tmp_path / "home")
    with pytest.raises(DataError, match="is not a folder"):
        empty.add("tiny", tmp_path / "none")
    with pytest.raises(DataError, match=r"cannot be read from .*rows\.csv"):
        empty.add("tiny", tmp_path)
    (tmp_path / "rows.csv").write_text("name,colour\nx,red\n")
    with pytest.raises(DataError, match=r"cannot be read from .*KeyError"):
        empty.add("tiny", tmp_path)
    assert empty.status("tiny").state == "absent"


def test_what_a_reader_stumbles_over_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = tiny_images.catalog(tmp_path)
    for error in (TypeError("'int' object is not iterable"), AttributeError("no items")):

        def read(root: Path, error: Exception = error) -> list[Row]:
            raise error

        monkeypatch.setattr(tiny_images, "read", read)
        with pytest.raises(DataError, match=f"cannot be read from .*{error}"):
            held.add("tiny", tmp_path / "tiny")


def test_a_failed_second_reading_keeps_the_first(tmp_path: Path) -> None:
    held = tiny_images.catalog(tmp_path)
    (tmp_path / "bad").mkdir()
    with pytest.raises(DataError):
        held.add("tiny", tmp_path / "bad")
    assert held.root("tiny") == tmp_path / "tiny"
    assert held.status("tiny").state == "ready"


def test_damage_is_reported_not_raised_by_status(tmp_path: Path) -> None:
    held = tiny_images.catalog(tmp_path)
    (tmp_path / "home/datasets/tiny/manifest.parquet").write_bytes(b"PAR1 and no more")
    fresh = Catalog(held.registry, held.home)
    assert fresh.status("tiny").state == "damaged"
    with pytest.raises(DataError, match="is not a manifest"):
        fresh.ensure("tiny")


def test_fetching_fills_the_home_folder_once(tmp_path: Path) -> None:
    held = Catalog(tiny_images.registry(FETCHED), tmp_path / "home")
    assert held.status("tiny").state == "fetchable"
    manifest = held.ensure("tiny")
    assert held.fetch("tiny") == held.ensure("tiny") == manifest
    assert held.root("tiny") == tmp_path / "home/fetched/tiny-1"
    assert len((tmp_path / "home/fetched/calls.txt").read_text().split()) == 1


def test_fetched_data_of_an_older_version_are_fetched_anew(tmp_path: Path) -> None:
    Catalog(tiny_images.registry(FETCHED), tmp_path / "home").ensure("tiny")
    newer = tiny_images.registry(FETCHED.model_copy(update={"version": "2"}))
    held = Catalog(newer, tmp_path / "home")
    held.ensure("tiny")
    assert held.root("tiny") == tmp_path / "home/fetched/tiny-2"


@pytest.mark.parametrize("damage", ["gone", "changed", "source"])
def test_fetching_again_mends_what_was_damaged(tmp_path: Path, damage: str) -> None:
    held = Catalog(tiny_images.registry(FETCHED), tmp_path / "home")
    whole = held.fetch("tiny")
    picture = held.root("tiny") / whole.rows("plain")[0].path
    if damage == "gone":
        picture.unlink()
    elif damage == "changed":
        picture.write_bytes(b"something else")
    else:
        (tmp_path / "home" / "datasets" / "tiny" / "source.json").write_text("{")
    again = Catalog(tiny_images.registry(FETCHED), tmp_path / "home")
    assert again.fetch("tiny") == whole
    assert hashlib.sha256(picture.read_bytes()).hexdigest() == whole.digests[whole.rows("plain")[0].id]


def test_a_failed_fetch_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = tiny_images.spec(fetch="support.tiny_images:fetch_half")
    held = Catalog(tiny_images.registry(broken), tmp_path / "home")
    with pytest.raises(FetchError, match="the connection was reset"):
        held.ensure("tiny")
    assert [p.name for p in (tmp_path / "home/fetched").iterdir() if p.suffix != ".lock"] == []
    assert held.status("tiny").state == "fetchable"


def test_what_a_killed_fetch_left_is_cleared_away(tmp_path: Path) -> None:
    left, other = (tmp_path / f"home/fetched/.tmp-{'0123abcd' * 4}-{name}-1" for name in ("tiny", "my-tiny"))
    left.mkdir(parents=True)
    # Of another data set, whose fetch may be under way.
    other.mkdir()
    (left / "half.png").write_bytes(b"half")
    Catalog(tiny_images.registry(FETCHED), tmp_path / "home").ensure("tiny")
    assert not left.exists() and other.exists()


def test_a_second_process_waits_for_the_first_and_finds_it_done(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from support import tiny_images as t; "
        "from ucdver.data.catalog import Catalog; "
        "spec = t.spec(fetch='support.tiny_images:fetch'); "
        "print(Catalog(t.registry(spec), Path(sys.argv[1])).ensure('tiny').fingerprint('plain'))"
    )
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    calls = tmp_path / "home/fetched/calls.txt"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "home")],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        while other.poll() is None and not calls.exists():
            time.sleep(0.01)
        here = Catalog(tiny_images.registry(FETCHED), tmp_path / "home").ensure("tiny").fingerprint("plain")
        printed = other.communicate(timeout=60)[0]
    assert other.returncode == 0
    assert printed.strip() == here
    assert calls.read_text().split() == [str(other.pid)]
