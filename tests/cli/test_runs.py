"""`ucdver runs` as a user types it."""

from __future__ import annotations

from pathlib import Path

from .conftest import Ucdver


def test_runs_go_into_one_file_and_from_it_into_another_folder(ucdver: Ucdver, suite: Path) -> None:
    assert ucdver("bench", "small.toml", "-j", "1").code == 0
    packed = ucdver("runs", "export", "small.zip")
    assert packed.code == 0 and packed.err == "wrote 2 runs of small to small.zip\n"
    taken = ucdver("runs", "import", "small.zip", "--runs", "other")
    assert taken.code == 0
    assert "2 runs came in, 0 were there already" in taken.err
    assert "next: ucdver leaderboard --runs other --suite small" in taken.err
    tables = [ucdver("leaderboard", "--runs", runs, "--format", "csv").out for runs in ("runs", "other")]
    assert tables[0] == tables[1] and "source_only" in tables[0]
    # And a bench there goes on from what came in.
    assert "2 cached" in ucdver("bench", "small.toml", "--runs", "other", "-j", "1").err
    again = ucdver("runs", "import", "small.zip", "--runs", "other")
    assert "0 runs came in, 2 were there already" in again.err and "stays as it was last planned" in again.err


def test_a_wrong_file_is_refused_in_one_line(ucdver: Ucdver) -> None:
    Path("no.zip").write_text("no zip")
    refused = ucdver("runs", "import", "no.zip")
    assert refused.code == 2 and len(refused.err.splitlines()) == 1
    assert "is no archive of runs" in refused.err and "ucdver runs export" in refused.err
    assert ucdver("runs", "export", ".").code == 2
