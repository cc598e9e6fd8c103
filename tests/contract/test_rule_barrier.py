"""No rule but an oracle may know a target label: shuffled labels must move no score, and cheats must be noticed."""

from pathlib import Path

import pytest

from ucdver.plugins import load_registry, reset
from ucdver.runs.selection import Selector
from ucdver.runs.store import RunStore
from ucdver.testing.contract import ToyBench, Trained, check_label_barrier

RULES = [rule.name for rule in load_registry().validators]
HONEST = [rule.name for rule in load_registry().validators if not rule.oracle]

CHEATS = '''\
from pathlib import Path
import os
from ucdver import TargetOutputs, ValidatorSpec, hookimpl


def reads_the_file(target_train: TargetOutputs) -> float:
    """Finds the label file on disk, and scores by where the target's discs are."""
    text = next(Path(os.environ["UCDVER_TEST_ROOT"]).rglob("labels.csv")).read_text()
    rows = [line.split(",") for line in text.splitlines() if ",outline," in line]
    return float(sum(i for i, row in enumerate(rows) if row[2] == "disc"))


def asks(labelled_target) -> float:
    return 0.0


@hookimpl
def ucdver_validators():
    return [
        ValidatorSpec(
            name="cheat", target="ucdver_local:%s", scope="checkpoint", higher_is_better=True, summary="a test"
        )
    ]
'''


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[ToyBench, Trained], tuple[ToyBench, Trained]]:
    folder = tmp_path_factory.mktemp("barrier")
    plain = ToyBench(folder / "plain", "source_only", "uda")
    shuffled = ToyBench(folder / "shuffled", "source_only", "uda", permute_target=True)
    return (plain, plain.train()), (shuffled, shuffled.train())


@pytest.mark.parametrize("rule", HONEST)
def test_the_score_of_an_honest_rule_is_bit_identical_when_target_labels_are_shuffled(
    both: tuple[tuple[ToyBench, Trained], tuple[ToyBench, Trained]], rule: str
) -> None:
    (_, plain), (_, shuffled) = both
    assert (plain.predictions.labels != shuffled.predictions.labels).any()
    assert len(plain.scores[rule]) == 2
    assert plain.scores[rule] == shuffled.scores[rule]


def test_what_rules_read_holds_no_target_label(
    both: tuple[tuple[ToyBench, Trained], tuple[ToyBench, Trained]],
) -> None:
    (_, plain), (_, shuffled) = both
    assert {name.partition(".")[2] for name in plain.outputs if "label" in name} == {
        "source_val.labels",
        "source_train.labels",
        "target_mixed.pseudo_labels",
    }
    assert all((plain.outputs[name] == shuffled.outputs[name]).all() for name in plain.outputs)


def test_the_oracle_alone_follows_the_labels(
    both: tuple[tuple[ToyBench, Trained], tuple[ToyBench, Trained]],
) -> None:
    assert set(RULES) - set(HONEST) == {"oracle"}
    found = []
    for bench, trained in both:
        store = RunStore(bench.folder / "runs")
        found.append(Selector(store, bench.registry, "oracle", "nll").scores(trained.record))
    assert found[0] != found[1]


def local(folder: Path, name: str) -> Path:
    folder.mkdir()
    (folder / "ucdver_local.py").write_text(CHEATS % name)
    reset()
    return folder


def test_a_rule_that_reads_labels_behind_the_barrier_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ucdver.testing.contract as contract

    class Bench(contract.ToyBench):
        def train(self, *arguments: object, **more: object) -> Trained:  # type: ignore[override]
            monkeypatch.setenv("UCDVER_TEST_ROOT", str(self.folder))
            return super().train(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(contract, "ToyBench", Bench)
    with pytest.raises(AssertionError, match="the score of cheat"):
        check_label_barrier(tmp_path / "b", "source_only", "uda", local=local(tmp_path / "local", "reads_the_file"))
    reset()


def test_a_rule_that_asks_for_labels_without_being_an_oracle_is_refused(tmp_path: Path) -> None:
    from ucdver.errors import PluginError

    registry = load_registry(local(tmp_path / "local", "asks"))
    with pytest.raises(PluginError, match="validator 'cheat' reads target labels; register it with oracle=True"):
        Selector(RunStore(tmp_path), registry, "cheat", "accuracy")
    reset()
