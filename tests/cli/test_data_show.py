"""`ucdver data show`: counts, one part of a data set, pictures in a terminal and on a sheet."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console
from support import real_tree as tree

from ucdver.cli.cells import can_show, print_cells
from ucdver.plugins import reset


@pytest.fixture
def real(ucdver: Any) -> None:
    Path("ucdver_local.py").write_text(tree.LOCAL.format(changes=""), encoding="utf-8")
    reset()
    rows = tree.grow(Path("real"), [*tree.rows(20), *tree.rows(6, "sticker")])
    tree.write_list(Path("real"), rows)
    assert ucdver("data", "add", "real", "--root", "real").code == 0


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((), 26),
        (("--domain", "sticker"), 6),
        (("--split", "test"), 6),
        (("--label", "joy"), 9),
        (("--domain", "photo", "--split", "train", "--label", "joy"), 5),
    ],
)
def test_a_part_is_counted(ucdver: Any, real: None, args: tuple[str, ...], expected: int) -> None:
    counts = json.loads(ucdver("data", "show", "real", *args, "--json").out)["counts"]
    assert sum(entry["images"] for entry in counts) == expected
    lines = ucdver("data", "show", "real", *args).out.splitlines()
    assert sum(int(line.split()[-1]) for line in lines if line.split()[1] == "all") == expected


def test_samples_are_listed_where_pictures_cannot_be_shown(ucdver: Any, real: None) -> None:
    out = ucdver("data", "show", "real", "--domain", "sticker", "--label", "fear", "-n", "5").out
    samples = out.partition("\n\n")[2].splitlines()
    assert samples[0].split() == ["ID", "DOMAIN", "SPLIT", "THREE", "SIZE", "PATH"]
    assert sorted(line.split()[0] for line in samples[1:]) == ["sticker/0001", "sticker/0004"]
    assert "fear" in samples[1] and "96 x 72" in samples[1]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--domain", "stiker"), "did you mean 'sticker'?"),
        (("--split", "tset"), "did you mean 'test'?"),
        (("--label", "jy"), "did you mean 'joy'?"),
        (("--split", "val"), "has no such picture"),
        (("-n", "0", "-o", "sheet.png"), "a sheet of no pictures"),
    ],
)
def test_a_part_that_is_not_there_is_refused(ucdver: Any, real: None, args: tuple[str, ...], message: str) -> None:
    outcome = ucdver("data", "show", "real", *args)
    assert outcome.code == 2
    assert message in outcome.err
    assert not Path("sheet.png").exists()


def test_a_sheet_of_samples_shows_each_with_its_names(ucdver: Any, real: None) -> None:
    assert ucdver("data", "show", "real", "-n", "10", "-o", "sheet.png").code == 0
    assert ucdver("data", "show", "real", "-n", "3", "-o", "small.png").code == 0
    with Image.open("sheet.png") as sheet, Image.open("small.png") as small:
        # Eight beside each other, and the other two below them.
        assert sheet.width > small.width * 2
        assert sheet.height > small.height * 1.9
        first = sheet.convert("RGB").crop((6, 6, 118, 118))
        assert len(first.getcolors(1 << 24) or []) > 500
        below = sheet.convert("L").crop((6, 120, 118, 156))
        assert below.getextrema() == (0, 255)


def test_a_picture_becomes_cells_of_two_pixels() -> None:
    image = Image.new("RGB", (2, 2))
    for x, y, colour in ((0, 0, (255, 0, 0)), (1, 0, (0, 255, 0)), (0, 1, (0, 0, 255)), (1, 1, (9, 9, 9))):
        image.putpixel((x, y), colour)
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system="truecolor", width=40, legacy_windows=False)
    print_cells(console, [(image, "anger"), (image, "ok")], side=2)
    top, captions = stream.getvalue().splitlines()
    assert top.count("\x1b[38;2;255;0;0;48;2;0;0;255m▀") == 2
    assert top.count("\x1b[38;2;0;255;0;48;2;9;9;9m▀") == 2
    assert captions == "a…  ok"


def test_pictures_are_for_terminals_with_colours(capsys: pytest.CaptureFixture[str]) -> None:
    def console(**options: Any) -> Console:
        return Console(file=io.StringIO(), **options)

    assert can_show(console(force_terminal=True, color_system="truecolor"))
    assert not can_show(console(force_terminal=True, color_system=None))
    assert not can_show(console(force_terminal=False, color_system="truecolor"))


def test_a_terminal_with_colours_gets_pictures(ucdver: Any, real: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = ucdver("data", "show", "real", "--label", "anger").out
    assert out.count("▀") == 6 * 20 * 10
    assert "▀" not in ucdver("data", "show", "real", "--label", "anger", "-n", "0").out
