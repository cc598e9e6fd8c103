"""Equal tuning budgets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import Field
from support.small_suite import SUITE

from ucdver.errors import PluginError, SpecError
from ucdver.methods.base import MethodConfig
from ucdver.methods.source_only import SourceOnly
from ucdver.plugins import load_registry
from ucdver.report.leaderboard import build_leaderboard
from ucdver.report.spread import spreads
from ucdver.runs.bench import Bench
from ucdver.runs.events import RunEvent
from ucdver.runs.search import draw_options, search_ranges
from ucdver.runs.selection import Selector
from ucdver.runs.tune import Tuning

TWO = SUITE.replace('"source_only", "target_only"', '"source_only", "mcc", "deep_coral"').replace(
    "steps = 6", "steps = 6\ncheckpoints = 2"
)


@pytest.fixture
def session(tmp_path: Path, home: Path) -> Callable[..., Bench]:
    path = tmp_path / "small.toml"
    path.write_text(TWO)

    def made() -> Bench:
        return Bench(tmp_path / "runs", str(path))

    return made


def test_draws_are_the_same_every_time_within_their_range_and_a_larger_budget_keeps_them() -> None:
    registry = load_registry()
    few, many = (draw_options(registry, "s", "mcc", {"temperature": 2.0}, n) for n in (4, 9))
    assert few == many[:4] and len(many) == 9
    assert few[0] == {"temperature": 2.0}
    ranges = search_ranges(registry, "mcc")
    assert set(ranges) == {"temperature", "trade_off"}
    for options in many[1:]:
        for name, (low, high, _, _) in ranges.items():
            assert low <= options[name] <= high
    assert len({str(options) for options in many}) == 9
    assert draw_options(registry, "another", "mcc", {}, 4)[1:] != draw_options(registry, "s", "mcc", {}, 4)[1:]


def test_a_logarithmic_range_is_drawn_evenly_by_its_logarithm_and_whole_numbers_stay_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Config(MethodConfig):
        rate: float = Field(default=1.0, json_schema_extra={"search": [0.01, 100.0], "log": True})
        heads: int = Field(default=2, ge=1, le=4, json_schema_extra={"search": [1, 4]})
        plain: float = 0.5

    monkeypatch.setattr(SourceOnly, "Config", Config)
    drawn = draw_options(load_registry(), "s", "source_only", {}, 400)[1:]
    below = sum(options["rate"] < 1.0 for options in drawn) / len(drawn)
    assert below == pytest.approx(0.5, abs=0.1)
    assert {options["heads"] for options in drawn} == {1, 2, 3, 4}
    assert all(isinstance(options["heads"], int) and "plain" not in options for options in drawn)


@pytest.mark.parametrize("search", [[1.0], [2.0, 1.0], ["a", "b"], [0.0, 1.0]])
def test_a_range_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, search: list[float]) -> None:
    class Config(MethodConfig):
        rate: float = Field(default=1.0, json_schema_extra={"search": search, "log": True})  # type: ignore[dict-item]

    monkeypatch.setattr(SourceOnly, "Config", Config)
    with pytest.raises(PluginError, match="option 'rate'"):
        draw_options(load_registry(), "s", "source_only", {}, 3)


def carry_out(bench: Bench, tuning: Tuning) -> list[str]:
    """Run everything as the command does; return the keys in the order in which they ended."""
    ended: list[str] = []

    def listen(event: RunEvent) -> None:
        if event.kind == "ended":
            assert event.record is not None and event.record.status == "done", event.record
            ended.append(event.spec.key())

    for plan, remember in ((tuning.search_plan, False), (tuning.final_plan, True)):
        bench.adopt(plan())
        bench.prepare(lambda what, done, total: None, remember=remember)
        bench.carry_out(listen, executor="local")
    return ended


def test_every_method_gets_the_same_budget_and_the_rules_choice_is_run_with_all_seeds(
    session: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Config(MethodConfig):
        """As that of source_only, without a range to tune in."""

        label_smoothing: float = 0.0

    monkeypatch.setattr(SourceOnly, "Config", Config)
    bench = session()
    tuning = Tuning(bench, 3, "infomax")
    assert tuning.untuned == ["source_only"]
    assert {name: len(sets) for name, sets in tuning.options.items()} == {"source_only": 1, "mcc": 3, "deep_coral": 3}
    ended = carry_out(bench, tuning)
    # One task: 1 + 3 + 3 draws with the first seed, then one more seed of each method.
    assert len(ended) == len(set(ended)) == 7 + 3
    selector = Selector(bench.store, bench.registry, "infomax", "accuracy")
    for chosen in tuning.chosen:
        plans = tuning.plans[: len(tuning.options[chosen.method])]
        keys = [next(e.key for e in p.remembered.entries if (e.method, e.seed) == (chosen.method, 0)) for p in plans]
        records = [bench.store.record(key) for key in keys]
        scores = [selector.choose(record, scored=True).score for record in records if record is not None]
        assert chosen.draw == scores.index(max(s for s in scores if s is not None)) and chosen.failed == 0
    plan = bench.store.plan("small+tune3.infomax")
    assert bench.store.suites() == ["small+tune3.infomax"]
    assert len(plan.entries) == 6 and not plan.oracles
    for entry in plan.entries:
        record = bench.store.record(entry.key)
        (want,) = [c.options for c in tuning.chosen if c.method == entry.method]
        assert record is not None and want.items() <= record.spec.method.config.items()
    board = build_leaderboard(bench.store, bench.registry, plan, selection="infomax")
    (told,) = [note for note in board.footnotes if "tuned = by infomax among 3 configurations" in note]
    assert sorted(told.partition(":")[0].split(", ")) == ["deep_coral", "mcc"]
    for spread in spreads(tuning):
        assert spread.draws == 3 and spread.low is not None and spread.high is not None
        assert spread.default is not None and spread.low <= spread.default <= spread.high


def test_options_that_are_no_part_of_the_search_stay_in_the_table(session: Callable[..., Bench]) -> None:
    bench = session()
    bench.restrict(("deep_coral",), (), 1, {"deep_coral": {"normalisation": "coral"}})
    carry_out(bench, Tuning(bench, 2, "infomax"))
    options = bench.store.plan("small+tune2.infomax").suite.methods["deep_coral"]
    assert options["normalisation"] == "coral" and options["tuned"].startswith("by infomax among 2")


def test_made_anew_the_draws_are_made_once(tmp_path: Path, home: Path, session: Callable[..., Bench]) -> None:
    session()
    for _ in range(2):
        bench = Bench(tmp_path / "runs", str(tmp_path / "small.toml"), "always")
        bench.restrict(("mcc",), (), None, {})
        ended = carry_out(bench, Tuning(bench, 2, "infomax"))
        assert len(ended) == len(set(ended)) == 2 + 1


def test_what_an_oracle_chose_is_never_ranked_under_any_rule(session: Callable[..., Bench]) -> None:
    bench = session()
    bench.restrict(("mcc",), (), 1, {})
    tuning = Tuning(bench, 2, "oracle")
    carry_out(bench, tuning)
    plan = bench.store.plan("small+tune2.oracle")
    assert plan.oracles == ("mcc",)
    for rule in ("last", "infomax", "oracle"):
        assert build_leaderboard(bench.store, bench.registry, plan, selection=rule).ranks == {"mcc": None}


def test_a_rule_that_tells_no_configurations_apart_is_refused(session: Callable[..., Bench]) -> None:
    with pytest.raises(SpecError, match="--by last tells no two configurations apart"):
        Tuning(session(), 3, "last")
    with pytest.raises(SpecError, match="did you mean 'infomax'"):
        Tuning(session(), 3, "infmax")


def test_draws_that_failed_are_passed_over_and_counted(session: Callable[..., Bench]) -> None:
    bench = session()
    bench.restrict(("mcc",), (), 1, {})
    tuning = Tuning(bench, 3, "entropy")
    bench.adopt(tuning.search_plan())
    bench.prepare(lambda what, done, total: None, remember=False)
    bench.carry_out(lambda event: None, executor="local")
    best = Tuning(session_like(bench), 3, "entropy").chosen[0].draw
    key = next(e.key for e in tuning.plans[best].remembered.entries)
    record = bench.store.record(key)
    assert record is not None
    bench.store.write_record(record.model_copy(update={"status": "failed", "reason": "NaN"}))
    (chosen,) = tuning.chosen
    assert chosen.failed == 1 and chosen.draw != best


def session_like(bench: Bench) -> Bench:
    """Return a session on the same runs with the suite as it was cut down, before any plan was taken."""
    other = Bench(bench.store.root, str(bench.store.root.parent / "small.toml"))
    other.restrict(("mcc",), (), 1, {})
    return other
