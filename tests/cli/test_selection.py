"""Selection rules and tuning as a user types them."""

from pathlib import Path

from support.small_suite import SUITE

from .conftest import Ucdver

THREE = SUITE.replace("steps = 6", "steps = 6\ncheckpoints = 3").replace('"source_only", ', '"source_only", "mcc", ')


def test_rules_side_by_side_and_tuning_with_the_same_budget(ucdver: Ucdver) -> None:
    Path("small.toml").write_text(THREE)
    assert ucdver("bench", "small.toml", "-j", "1").code == 0
    shown = ucdver("leaderboard", "--selection", "entropy,snd")
    assert shown.code == 0
    assert [line.split()[0] for line in shown.out.splitlines() if "±" in line][:3] == ["entropy", "snd", "oracle"]
    one = ucdver("leaderboard", "--selection", "oracle")
    assert "source_only (oracle)" in one.out and "checkpoint: oracle" in one.out
    refused = ucdver("leaderboard", "--selection", "all", "--format", "latex")
    assert refused.code == 2 and "--format latex writes one selection rule" in refused.err
    assert "did you mean 'entropy'" in ucdver("leaderboard", "--selection", "entropi").err

    tuned = ucdver("bench", "small.toml", "--tune", "2", "--by", "entropy", "-m", "mcc", "-m", "target_only", "-j", "1")
    assert tuned.code == 0, tuned.err
    assert "Next: ucdver leaderboard --runs runs --selection entropy --format md" in " ".join(tuned.err.split())
    assert "tuned by entropy" in tuned.out and "known only with target labels, no result" in tuned.out
    assert "runs of draws with seed 0" in tuned.err
    (spread,) = [line for line in tuned.out.splitlines() if line.startswith("mcc ") and line.split()[1] == "2"]
    low, median, high = map(float, spread.split()[3:])
    assert low <= median <= high
    assert ucdver("leaderboard", "--suite", "small+tune2.entropy").code == 0
    dry = ucdver("bench", "small.toml", "--tune", "3", "-m", "mcc", "--dry-run")
    assert dry.code == 0 and "3 runs" in dry.out
    assert "--by last tells no two" in ucdver("bench", "small.toml", "--tune", "2", "--by", "last").err
