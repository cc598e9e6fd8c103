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


LACKING = """\
from ucdver import DatasetSpec, hookimpl
from ucdver.testing.toys import read


@hookimpl
def ucdver_datasets():
    words = {"summary": "not here", "licence": "none", "obtain": "ask for it, then: ucdver data add gone --root DIR"}
    return [DatasetSpec(name="gone", version="1", reader="ucdver_local:read", domains=("x",), label_spaces=("toy3",),
                        **words)]
"""


def test_tuning_where_a_target_that_is_never_seen_is_absent(ucdver: Ucdver) -> None:
    Path("ucdver_local.py").write_text(LACKING)
    text = THREE.replace("steps = 6", 'protocol = "uc"\nsteps = 6').replace('"mcc", "target_only"', '"erm_aug"')
    Path("small.toml").write_text(text.replace('["toy:outline"]', '["toy:outline", "gone:x"]'))
    tuned = ucdver("bench", "small.toml", "--tune", "2", "--by", "source_risk", "--seeds", "1", "-j", "1")
    assert tuned.code == 0, tuned.err
    told = " ".join(tuned.out.split())
    assert "one+absent missing (lacks the data set gone)" in told and "ask for it, then: ucdver data add gone" in told


def test_tuning_without_any_data_is_refused_as_a_bench_is(ucdver: Ucdver) -> None:
    Path("ucdver_local.py").write_text(LACKING)
    Path("small.toml").write_text(THREE.replace("toy:filled", "gone:x"))
    refused = ucdver("bench", "small.toml", "--tune", "2", "-j", "1")
    assert refused.code == 2 and "has no task whose data are here" in refused.err and not Path("runs/suites").exists()


def test_options_that_would_be_passed_over_are_refused(ucdver: Ucdver) -> None:
    Path("small.toml").write_text(THREE)
    alone = ucdver("bench", "small.toml", "--by", "snd")
    assert alone.code == 2 and "add --tune N" in alone.err
    for option in (("--metric", "nll"), ("--selection", "snd"), ("--format", "json"), ("-o", "x.json")):
        for table in ("--per-class", "--per-image"):
            refused = ucdver("leaderboard", table, *option)
            assert refused.code == 2 and f"{table} prints" in refused.err and f"without {option[0]}" in refused.err
    refused = ucdver("leaderboard", "--per-class", "--per-image")
    assert refused.code == 2 and "without --per-image" in refused.err
