from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.real_tree import FORMATS, encoded, picture, write

from ucdver.data.decode import open_image
from ucdver.data.paths import Folder
from ucdver.data.scan import PictureReader, scan, stamps_of
from ucdver.data.scan_cache import Facts, ScanCache, Stamp
from ucdver.errors import DataError
from ucdver.spec.recipe import ImageRecipe

HEADER = {"scan": "1"}
FACTS = Facts("a" * 64, 3, 4, 5, "")


@pytest.mark.parametrize("kind", FORMATS)
def test_one_reading_gives_hash_size_and_look(tmp_path: Path, kind: str) -> None:
    data = encoded(picture(1), kind)
    write(tmp_path, "a", data)
    facts = PictureReader(tmp_path)("a")
    assert (facts.sha256, facts.width, facts.height) == (hashlib.sha256(data).hexdigest(), 96, 72)
    assert facts.phash is not None and facts.problem == ""


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9])
def test_what_a_bench_could_not_decode_has_a_problem(tmp_path: Path, kind: str, share: float) -> None:
    whole = encoded(picture(2, (400, 300)), kind)
    write(tmp_path, "a", whole[: int(len(whole) * share)])
    try:
        open_image(tmp_path / "a", ImageRecipe(size=8))
        decodes = True
    except DataError:
        decodes = False
    facts = PictureReader(tmp_path)("a")
    assert (facts.problem == "") is decodes
    assert str(tmp_path) not in facts.problem
    assert facts.sha256 == hashlib.sha256((tmp_path / "a").read_bytes()).hexdigest()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_looks_like_itself(tmp_path: Path, orientation: int) -> None:
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = picture(3, (160, 120))
    stored = upright.transpose(back[orientation]) if orientation in back else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "turned.png", exif=exif)
    upright.save(tmp_path / "upright.png")
    reader = PictureReader(tmp_path)
    turned, plain = reader("turned.png"), reader("upright.png")
    assert (turned.width, turned.height, turned.phash) == (160, 120, plain.phash)


def test_transparent_grey_and_palette_pictures_are_laid_on_white(tmp_path: Path) -> None:
    shape = picture(4).convert("L").point(lambda value: 255 if value > 128 else 0)
    on_white = Image.new("RGB", shape.size, "white")
    on_white.paste("black", mask=shape)
    layer = Image.new("RGBA", shape.size, (0, 0, 0, 0))
    layer.putalpha(shape)
    layer.save(tmp_path / "layer.png")
    on_white.save(tmp_path / "white.png")
    reader = PictureReader(tmp_path)
    assert reader("layer.png").phash == reader("white.png").phash is not None


def test_what_the_system_does_not_give_is_told_and_asked_for_again(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    facts = PictureReader(tmp_path)("folder.png")
    assert (facts.sha256, facts.problem) == ("", "not to be read: Is a directory")
    stamp = Stamp("folder.png", 1, 1)
    for _ in range(2):
        with ScanCache(tmp_path / "log", HEADER) as cache:
            assert scan([stamp], PictureReader(tmp_path), cache).read == 1


def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for number in range(40):
        write(root, f"{number}.png", encoded(picture(number), "PNG"))
    looked: list[str] = []
    lock = threading.Lock()
    reader = PictureReader(root)

    def look(key: str) -> Facts:
        with lock:
            looked.append(key)
        return reader(key)

    def all_facts(again: bool = False) -> dict[str, Facts]:
        looked.clear()
        stamps = stamps_of({f"{n}.png": Folder(root).look(f"{n}.png") for n in range(40)})
        told: list[tuple[int, int]] = []
        with ScanCache(tmp_path / "log", HEADER) as cache:
            found = scan(stamps, look, cache, again=again, progress=lambda done, total: told.append((done, total)))
        assert found.read == len(looked)
        if looked:
            assert told[0] == (40 - len(looked), 40) and told[-1] == (40, 40)
        return dict(found.facts)

    first = all_facts()
    assert sorted(looked) == sorted(first)
    assert (all_facts(), looked) == (first, [])
    (root / "7.png").write_bytes(encoded(picture(99), "PNG"))
    second = all_facts()
    assert looked == ["7.png"]
    assert second["7.png"] != first["7.png"]
    assert (all_facts(again=True), len(looked)) == (second, 40)


def test_no_more_chunks_are_begun_than_threads_can_soon_do(tmp_path: Path) -> None:
    begun = 0
    lock = threading.Lock()

    def look(key: str) -> Facts:
        nonlocal begun
        with lock:
            begun += 1
        return FACTS

    ahead: list[int] = []
    stamps = [Stamp(str(number), 1, 1) for number in range(1000)]
    with ScanCache(tmp_path / "log", HEADER) as cache:
        scan(stamps, look, cache, workers=2, progress=lambda done, total: ahead.append(begun - done))
    assert begun == 1000
    assert max(ahead) <= 6 * 16


def test_an_error_in_a_thread_keeps_what_was_found_before(tmp_path: Path) -> None:
    def look(key: str) -> Facts:
        if key == "100":
            raise OSError("the disk is gone")
        return FACTS

    stamps = [Stamp(str(number), 1, 1) for number in range(200)]
    with pytest.raises(OSError, match="disk is gone"), ScanCache(tmp_path / "log", HEADER) as cache:
        scan(stamps, look, cache, workers=2)
    with ScanCache(tmp_path / "log", HEADER) as cache:
        assert sum(cache.get(stamp) is not None for stamp in stamps) == 96


KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
PHASHES = st.none() | st.integers(0, 2**64 - 1)


@settings(max_examples=40)
@given(st.dictionaries(KEYS, st.tuples(st.integers(0, 2**40), PHASHES, KEYS), max_size=6), st.data())
def test_a_log_cut_anywhere_loses_whole_lines_only(
    tmp_path_factory: pytest.TempPathFactory, made: dict[str, tuple[int, int | None, str]], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    entries = [(Stamp(k, s, s + 1), Facts("b" * 64, 1, 2, phash, why)) for k, (s, phash, why) in made.items()]
    with ScanCache(path, HEADER) as cache:
        head = path.stat().st_size
        for entry in entries:
            cache.add([entry])
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = max(0, whole[:cut].count(b"\n") - 1)
    with ScanCache(path, HEADER) as cache:
        assert [cache.get(stamp) for stamp, _ in entries] == [
            facts if number < kept and cut >= head else None for number, (_, facts) in enumerate(entries)
        ]
        cache.add([(Stamp("one more", 1, 1), FACTS)])
    with ScanCache(path, HEADER) as cache:
        assert cache.get(Stamp("one more", 1, 1)) == FACTS
        assert sum(cache.get(stamp) == facts for stamp, facts in entries) >= kept * (cut >= head)


@pytest.mark.parametrize(
    "line", ["[]", "[1,2,3]", '["k","1",1,"x",1,1,"",""]', '["k",1,1,"short",1,1,"",""]', "{}", "\0\0\0"]
)
def test_a_damaged_line_is_left_out_and_the_rest_is_kept(tmp_path: Path, line: str) -> None:
    path = tmp_path / "log"
    with ScanCache(path, HEADER) as cache:
        cache.add([(Stamp("a", 1, 1), FACTS)])
    path.write_text(path.read_text() + line + "\n")
    with ScanCache(path, HEADER) as cache:
        assert cache.get(Stamp("a", 1, 1)) == FACTS
        assert cache.get(Stamp("k", 1, 1)) is None


def test_a_log_of_other_decoders_is_begun_anew_and_a_long_one_is_made_short(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with ScanCache(path, HEADER) as cache:
        for time in range(50):
            cache.add([(Stamp("a", 1, time), FACTS)])
    with ScanCache(path, HEADER) as cache:
        assert cache.get(Stamp("a", 1, 49)) == FACTS
        assert cache.get(Stamp("a", 1, 48)) is None
    assert len(path.read_text().splitlines()) == 2
    with ScanCache(path, {"scan": "2"}) as cache:
        assert cache.get(Stamp("a", 1, 49)) is None
