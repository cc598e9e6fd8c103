"""`ucdver data add` and `ucdver data check` as they are typed, killed and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support import real_tree as tree

from ucdver.data.manifest import Row
from ucdver.plugins import reset


def local(changes: str = "") -> None:
    Path("ucdver_local.py").write_text(tree.LOCAL.format(changes=changes), encoding="utf-8")
    reset()


@pytest.fixture
def rows(ucdver: Any) -> list[Row]:
    local()
    return tree.grow(Path("real"), tree.rows(20))


def test_a_data_set_without_faults_ends_with_0_and_one_with_faults_with_1(ucdver: Any, rows: list[Row]) -> None:
    assert ucdver("data", "check", "real").code == 2
    fine = ucdver("data", "check", "real", "--root", "real")
    assert fine.code == 0
    assert "note   unmapped  1" in fine.out
    assert "20 rows, 20 files (20 read now); 0 kinds of fault, 1 of note" in fine.err
    (Path("real") / rows[0].path).unlink()
    for number, row in enumerate(rows[4:9]):
        (Path("real") / row.path).write_bytes(b"not a picture %d" % number)
    faulty = ucdver("data", "check", "real", "--root", "real", "-o", "report.json")
    assert faulty.code == 1
    assert f"       {rows[0].path}\n" in faulty.out
    assert f"       {rows[4].path}  (no picture that can be read)\n" in faulty.out
    assert "       and 2 more\n" in faulty.out
    assert "unreadable: get them again, or leave them out: --quarantine" in faulty.err
    told = json.loads(Path("report.json").read_text())
    assert {finding["kind"]: finding["count"] for finding in told["findings"]} == {
        "missing": 1,
        "unreadable": 5,
        "unmapped": 1,
    }
    assert json.loads(ucdver("data", "check", "real", "--root", "real", "--json").out) == told


def test_add_says_what_to_type_and_quarantine_makes_it_go(ucdver: Any, rows: list[Row]) -> None:
    for row in rows[1:4]:
        (Path("real") / row.path).write_bytes(b"")
    refused = ucdver("data", "add", "real", "--root", "real")
    assert refused.code == 2
    assert "is empty (and 2 more)" in refused.err and "'ucdver data check real --root DIR' lists them" in refused.err
    checked = ucdver("data", "check", "real", "--root", "real", "--quarantine")
    assert checked.code == 1
    assert "3 rows of 'real' are left out" in checked.err
    assert f"ucdver data add real --root {Path('real').absolute()}" in checked.err
    added = ucdver("data", "add", "real", "--root", "real")
    assert added.code == 0
    assert "3 rows are left out: quarantined" in added.err
    assert json.loads(ucdver("data", "list", "--json").out)[-1]["images"]["photo"] == 17
    assert ucdver("data", "check", "real").code == 0


def test_quarantine_reads_a_data_set_that_is_here_again(ucdver: Any, rows: list[Row]) -> None:
    assert ucdver("data", "add", "real", "--root", "real").code == 0
    (Path("real") / rows[2].path).write_bytes(b"not a picture")
    added = ucdver("data", "add", "real", "--root", "real")
    assert added.code == 0
    assert "1 pictures cannot be decoded: ucdver data check real --quarantine" in added.err
    checked = ucdver("data", "check", "real", "--quarantine")
    assert checked.code == 1
    assert "is read again: 19 rows" in checked.err
    assert ucdver("data", "check", "real").code == 0


def test_what_add_has_read_check_need_not_read(ucdver: Any, rows: list[Row]) -> None:
    added = ucdver("data", "add", "real", "--root", "real")
    assert "reading 20 files\n" in added.err and "20 files read in" in added.err
    assert "all known from before" in ucdver("data", "check", "real").err
    os.utime(Path("real") / rows[0].path, ns=(1, 1))
    assert "reading 20 files, 19 of them known from before" in ucdver("data", "check", "real").err
    assert "(20 read now)" in ucdver("data", "check", "real", "--again").err


def test_files_that_may_be_missing_are_counted_and_told(ucdver: Any, rows: list[Row]) -> None:
    (Path("real") / rows[0].path).unlink()
    assert ucdver("data", "add", "real", "--root", "real").code == 2
    local("may_miss_files=True")
    assert "1 rows are left out: missing" in ucdver("data", "add", "real", "--root", "real").err
    assert ucdver("data", "check", "real").code == 0


def test_a_report_of_an_unknown_kind_is_refused_before_anything_is_read(ucdver: Any, rows: list[Row]) -> None:
    outcome = ucdver("data", "check", "real", "--root", "real", "-o", "report.txt")
    assert (outcome.code, outcome.out) == (2, "")
    assert "write -o FILE.json or FILE.csv" in outcome.err
    assert "reading" not in outcome.err


def test_a_name_cannot_move_the_cursor(ucdver: Any, rows: list[Row]) -> None:
    tree.write_list(Path("real"), [*rows, tree.add_row(rows, "\x1b[2Jgone.png")])
    outcome = ucdver("data", "check", "real", "--root", "real")
    assert "\x1b" not in outcome.out + outcome.err
    assert "?[2Jgone.png" in outcome.out


def test_a_check_that_is_killed_goes_on_where_it_was(ucdver: Any, tmp_path: Path) -> None:
    local()
    count = 600
    given = tree.rows(count)
    pictures = [tree.encoded(tree.picture(number, (320, 240)), "PNG") for number in range(8)]
    for number, row in enumerate(given):
        # A PNG with something after its end is the same picture in another file.
        tree.write(Path("real"), row.path, pictures[number % 8] + str(number).encode())
    tree.write_list(Path("real"), given)
    code = "import sys; from ucdver.cli.app import main; sys.exit(main(['data', 'check', 'real', '--root', 'real']))"
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        folder = tmp_path / "home" / "datasets" / "real"
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            logs = list(folder.glob("scan-*.jsonl"))
            if logs and logs[0].read_bytes().count(b"\n") > 60:
                break
            time.sleep(0.005)
        assert process.poll() is None, "it ended before it could be killed"
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
    (log,) = folder.glob("scan-*.jsonl")
    known = log.read_bytes().count(b"\n") - 1
    assert 60 <= known < count
    again = ucdver("data", "check", "real", "--root", "real", "--json")
    assert f"reading {count} files, {known} of them known from before" in again.err
    assert f"({count - known} read now)" in again.err
    fresh = ucdver("data", "check", "real", "--root", "real", "--again", "--json")
    assert json.loads(fresh.out) == json.loads(again.out)
