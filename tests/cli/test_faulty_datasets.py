"""What a data set's reader, loader or fetcher does wrong is told in a line."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from support.small_suite import SUITE

from .conftest import Ucdver

LOCAL = """\
import ucdver


def sound(root):
    for number in range(24):
        shape = ("disc", "bar", "cross")[number // 2 % 3]
        yield ucdver.Row(id=str(number), path="a.png", domain="xy"[number % 2], labels={"toy3": shape})


def reading(root):
    raise ZeroDivisionError("by zero")


def no_rows(root):
    return [{"id": "0"}]


def opening(root):
    raise ZeroDivisionError("by zero")


def opens_nothing(root):
    return None


def drawing(root):
    return lambda path, recipe: 1 / 0


def draws_nothing(root):
    return lambda path, recipe: None


def fetching(root):
    raise ZeroDivisionError("by zero")


@ucdver.hookimpl
def ucdver_datasets():
    words = dict(version="1", domains=("x", "y"), label_spaces=("toy3",), summary="faulty", licence="?", obtain="draw")
    here = "ucdver_local:"
    readers = [ucdver.DatasetSpec(name=name, reader=here + name, **words) for name in ("reading", "no_rows")]
    loaders = [
        ucdver.DatasetSpec(name=name, reader=here + "sound", loader=here + name, **words)
        for name in ("opening", "opens_nothing", "drawing", "draws_nothing")
    ]
    fetched = ucdver.DatasetSpec(name="fetching", reader=here + "sound", fetch=here + "fetching", **words)
    return [*readers, *loaders, fetched]
"""


@pytest.fixture
def faulty(ucdver: Ucdver) -> Ucdver:
    Path("ucdver_local.py").write_text(LOCAL)
    Path("drawn").mkdir()
    Image.new("RGB", (8, 8)).save("drawn/a.png")
    return ucdver


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("data", "add", "reading", "--root", "drawn"), "ZeroDivisionError: by zero"),
        (("data", "add", "no_rows", "--root", "drawn"), "data set 'no_rows': its reader gives a dict, not a Row"),
        (("data", "fetch", "fetching"), "data set 'fetching' could not be fetched: ZeroDivisionError: by zero"),
    ],
)
def test_a_reader_and_a_fetcher(faulty: Ucdver, command: tuple[str, ...], says: str) -> None:
    done = faulty(*command)
    assert done.code == 2 and done.err.splitlines()[-1].startswith("error: ") and says in done.err


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("opening", "the loader of dataset 'opening' raised ZeroDivisionError: by zero"),
        ("opens_nothing", "the loader of dataset 'opens_nothing' returned a NoneType"),
        ("drawing", "cannot be drawn: ZeroDivisionError: division by zero"),
        ("draws_nothing", "cannot be drawn: AttributeError: 'NoneType'"),
    ],
)
def test_a_loader(faulty: Ucdver, name: str, says: str) -> None:
    assert faulty("data", "add", name, "--root", "drawn").code == 0
    Path("small.toml").write_text(SUITE.replace("toy:filled", f"{name}:x").replace("toy:outline", f"{name}:y"))
    benched = faulty("bench", "small.toml", "-m", "source_only", "-j", "1")
    assert benched.code != 0 and says in benched.err and f"'{name}'" in benched.err
    checked = faulty("data", "check", name)
    assert "ZeroDivisionError" in checked.out + checked.err or "NoneType" in checked.out + checked.err
