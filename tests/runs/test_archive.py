"""Runs in one file: what goes in comes out, what does not belong in one is refused, what is there stays."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.small_suite import SUITE

from ucdver.errors import DataError
from ucdver.evaluate.predictions import Predictions, read_predictions, write_predictions
from ucdver.plugins import load_registry
from ucdver.report.leaderboard import build_leaderboard
from ucdver.report.markdown import export as markdown
from ucdver.runs import archive, archived
from ucdver.runs.archive import export_runs, import_runs
from ucdver.runs.options import WorkerOptions
from ucdver.runs.plan import Plan
from ucdver.runs.store import RunStore
from ucdver.runs.worker import execute

CHECKED = SUITE.replace("seeds = 2", "seeds = 1\ncheckpoints = 2")


@pytest.fixture
def made(tmp_path: Path, home: Path, plan: Callable[..., Plan]) -> tuple[RunStore, Plan, Path]:
    """Return a runs folder with both runs of a suite, its plan, and the archive of it."""
    planned = plan(CHECKED)
    store = RunStore(tmp_path / "runs")
    for spec in planned.runs:
        assert execute(spec, WorkerOptions(runs=store.root, home=home), lambda a, b, c: None).status == "done"
    store.write_plan(planned.remembered)
    path = tmp_path / "packed.zip"
    export_runs(store, planned.remembered, path)
    return store, planned, path


def table(store: RunStore, selection: str = "last", metric: str | None = None) -> str:
    return markdown(build_leaderboard(store, load_registry(), store.plan(), metric, selection=selection))


def repacked(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Return a copy of an archive whose members were changed."""
    with zipfile.ZipFile(path) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    change(members)
    other = path.with_name("other.zip")
    with zipfile.ZipFile(other, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return other


def test_the_table_of_what_came_in_is_that_of_what_went_out(tmp_path: Path, made: tuple[RunStore, Plan, Path]) -> None:
    store, planned, path = made
    other = RunStore(tmp_path / "elsewhere" / "runs")
    found = import_runs(path, other)
    assert (found.new, found.present, found.planned, found.left_out) == (len(planned.runs), 0, ("small",), {})
    assert table(other) == table(store)
    # The oracle chooses by predictions of every checkpoint, so those came too.
    assert table(other, "oracle") == table(store, "oracle")
    assert other.record(planned.runs[0].key()) == store.record(planned.runs[0].key())
    assert not list(other.root.rglob("*.pt"))


def test_the_same_runs_give_the_same_file(tmp_path: Path, made: tuple[RunStore, Plan, Path]) -> None:
    store, planned, path = made
    again = tmp_path / "again.zip"
    packed = export_runs(store, planned.remembered, again)
    assert (packed.runs, packed.absent) == (len(planned.runs), 0)
    assert again.read_bytes() == path.read_bytes()


def test_predicted_classes_alone_give_the_same_tables_but_of_what_reads_more(
    tmp_path: Path, made: tuple[RunStore, Plan, Path]
) -> None:
    store, planned, whole = made
    path = tmp_path / "classes.zip"
    assert export_runs(store, planned.remembered, path, classes_only=True).runs == len(planned.runs)
    assert path.stat().st_size < whole.stat().st_size
    other = RunStore(tmp_path / "elsewhere")
    assert import_runs(path, other).new == len(planned.runs)
    for metric in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert table(other, metric=metric) == table(store, metric=metric)
    assert table(other, "oracle") == table(store, "oracle")
    assert "n/a" not in table(store, metric="nll")
    assert "in place of logits, and nll reads those" in table(other, metric="nll")
    # What came in so can go on so, and cannot become more.
    again = tmp_path / "again.zip"
    export_runs(other, planned.remembered, again)
    assert again.read_bytes() == path.read_bytes()
    export_runs(other, planned.remembered, again, classes_only=True)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("classes_only", [False, True])
def test_what_would_be_refused_is_left_out_and_counted(
    tmp_path: Path, made: tuple[RunStore, Plan, Path], classes_only: bool
) -> None:
    store, planned, path = made
    key = planned.runs[0].key()
    held = store.predictions(key)
    held.logits[-1] = np.nan
    store.write_predictions(key, held)
    packed = export_runs(store, planned.remembered, path, classes_only=classes_only)
    assert (packed.runs, packed.absent) == (len(planned.runs) - 1, 1)
    other = RunStore(tmp_path / "elsewhere")
    import_runs(path, other)
    assert other.record(key) is None


def test_logits_take_the_place_of_the_classes_of_the_same_run(
    tmp_path: Path, made: tuple[RunStore, Plan, Path]
) -> None:
    store, planned, whole = made
    path = tmp_path / "classes.zip"
    export_runs(store, planned.remembered, path, classes_only=True)
    other = RunStore(tmp_path / "elsewhere")
    import_runs(path, other)
    assert import_runs(path, other).new == 0
    # Another attempt at the same run is another result.
    key = planned.runs[0].key()
    record = other.record(key)
    assert record is not None and record.provenance is not None
    again = record.provenance.model_copy(update={"started": "another day"})
    other.write_record(record.model_copy(update={"provenance": again}))
    assert import_runs(whole, other).new == len(planned.runs) - 1
    assert other.predictions(key).classes_only and not other.predictions(planned.runs[1].key()).classes_only
    assert import_runs(path, other).new == 0 and not other.predictions(planned.runs[1].key()).classes_only


def test_runs_of_two_machines_make_one_table_without_their_data(
    tmp_path: Path, made: tuple[RunStore, Plan, Path]
) -> None:
    store, planned, whole = made
    plan = planned.remembered
    parts = []
    for method in plan.suite.methods:
        suite = plan.suite.model_copy(update={"methods": {method: plan.suite.methods[method]}})
        entries = tuple(entry for entry in plan.entries if entry.method == method)
        part = plan.model_copy(update={"suite": suite, "entries": entries})
        parts.append(tmp_path / f"{method}.zip")
        export_runs(store, part, parts[-1])
    other = RunStore(tmp_path / "elsewhere")
    assert [import_runs(part, other).planned for part in parts] == [("small",), ("small",)]
    assert table(other) == table(store)
    assert import_runs(whole, other).planned == ()


def test_what_does_not_compare_with_what_is_planned_here_is_counted_and_left_out(
    tmp_path: Path, made: tuple[RunStore, Plan, Path], plan: Callable[..., Plan]
) -> None:
    other = RunStore(tmp_path / "elsewhere")
    here = plan(CHECKED.replace("steps = 6", "steps = 8")).remembered
    other.write_plan(here)
    found = import_runs(made[2], other)
    assert (found.new, found.planned, found.left_out) == (2, (), {"small": 2})
    assert other.plan() == here


def test_what_is_done_already_stays_and_what_failed_is_replaced(made: tuple[RunStore, Plan, Path]) -> None:
    store, planned, path = made
    first, second = (store.record(spec.key()) for spec in planned.runs[:2])
    assert first is not None and second is not None
    own = first.model_copy(update={"selection": {"entropy@1": {"last": -0.5}}})
    store.write_record(own)
    store.write_record(second.model_copy(update={"status": "failed", "reason": "the disk was full"}))
    found = import_runs(path, store)
    assert (found.new, found.present) == (1, len(planned.runs) - 1)
    assert (found.planned, found.left_out) == ((), {})
    assert store.record(own.spec.key()) == own
    assert store.record(second.spec.key()) == second


def test_a_run_that_has_not_ended_is_counted(tmp_path: Path, made: tuple[RunStore, Plan, Path]) -> None:
    store, planned, path = made
    (store.folder(planned.runs[0].key()) / "record.json").unlink()
    packed = export_runs(store, planned.remembered, path)
    assert (packed.runs, packed.absent) == (len(planned.runs) - 1, 1)
    other = RunStore(tmp_path / "elsewhere")
    import_runs(path, other)
    assert other.record(planned.runs[0].key()) is None


def drop_predictions(members: dict[str, bytes]) -> None:
    del members[next(name for name in members if name.endswith("/predictions.parquet"))]


def drop_record(members: dict[str, bytes]) -> None:
    del members[next(name for name in members if name.endswith("/record.json"))]


def drop_plan(members: dict[str, bytes]) -> None:
    del members[next(name for name in members if name.startswith("suites/"))]


def add(name: str, content: bytes = b"") -> Callable[[dict[str, bytes]], None]:
    return lambda members: members.update({name: content})


def swap_records(members: dict[str, bytes]) -> None:
    one, two = [name for name in members if name.endswith("/record.json")][:2]
    members[one], members[two] = members[two], members[one]


def cut_predictions(members: dict[str, bytes]) -> None:
    name = next(name for name in members if name.endswith("/predictions.parquet"))
    members[name] = members[name][:-20]


def changed_predictions(members: dict[str, bytes], change: Callable[[Predictions], Predictions]) -> None:
    name = next(name for name in members if name.endswith("/predictions.parquet"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.parquet"
        path.write_bytes(members[name])
        write_predictions(change(read_predictions(path)), path)
        members[name] = path.read_bytes()


def wrong_labels(members: dict[str, bytes]) -> None:
    changed_predictions(members, lambda held: replace(held, labels=held.labels + 1))


def twice(members: dict[str, bytes]) -> None:
    changed_predictions(members, lambda held: held.take([*range(len(held)), 0]))


def elsewhere(members: dict[str, bytes]) -> None:
    changed_predictions(members, lambda held: replace(held, domains=["toy:unrelated"] * len(held)))


def not_finite(members: dict[str, bytes]) -> None:
    changed_predictions(members, lambda held: replace(held, logits=held.logits * np.inf))


def fewer_logits(members: dict[str, bytes]) -> None:
    changed_predictions(members, lambda held: replace(held, logits=held.logits[:, :2]))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (drop_predictions, "its predictions are absent"),
        (drop_record, "there is no record of that run"),
        (drop_plan, "it has no plan"),
        (add("../evil.json"), "'../evil.json' does not belong in one"),
        (add(f"{'a' * 64}/../../evil.json"), "it does not belong in one"),
        (add(f"{'a' * 64}/checkpoints/last.pt"), "it does not belong in one"),
        (add("suites/other.json", b"{}"), "suites/other.json: "),
        (swap_records, "the record of another run"),
        (cut_predictions, "not a parquet file"),
        (wrong_labels, "a label is not one of its 3 classes"),
        (twice, "an image is in it twice"),
        (elsewhere, "toy:unrelated is no target of the run's task"),
        (not_finite, "a logit is not finite"),
        (fewer_logits, "it has 2 logits an image, and the run has 3 classes"),
    ],
)
def test_what_is_no_archive_of_runs_is_refused_and_nothing_is_written(
    tmp_path: Path, made: tuple[RunStore, Plan, Path], change: Callable[[dict[str, bytes]], None], says: str
) -> None:
    target = tmp_path / "elsewhere"
    with pytest.raises(DataError, match="is no archive of runs") as raised:
        import_runs(repacked(made[2], change), RunStore(target))
    assert says in str(raised.value) and "\n" not in str(raised.value)
    assert not target.exists() and not list(tmp_path.rglob("evil*"))


def test_a_flipped_byte_is_refused_wherever_it_is(tmp_path: Path, made: tuple[RunStore, Plan, Path]) -> None:
    content = made[2].read_bytes()
    with zipfile.ZipFile(made[2]) as packed:
        starts = [member.header_offset + 30 + len(member.filename) for member in packed.infolist()]
    damaged = tmp_path / "damaged.zip"
    target = RunStore(tmp_path / "elsewhere")
    for start in starts:
        for offset in (0, 1, 40):
            flipped = bytearray(content)
            flipped[start + offset] ^= 0xFF
            damaged.write_bytes(flipped)
            with pytest.raises(DataError, match="is no archive of runs"):
                import_runs(damaged, target)
    assert not target.root.exists()


def test_what_was_begun_here_goes_on_where_the_run_failed_elsewhere(
    tmp_path: Path, made: tuple[RunStore, Plan, Path]
) -> None:
    store, planned, path = made
    spec = planned.runs[0]
    whole = store.record(spec.key())
    assert whole is not None
    store.write_record(whole.model_copy(update={"status": "failed", "traceback": "out of memory"}))
    export_runs(store, planned.remembered, path)
    other = RunStore(tmp_path / "elsewhere")
    begun = other.folder(spec.key()) / "checkpoints" / "last.pt"
    begun.parent.mkdir(parents=True)
    begun.write_bytes(b"half way")
    assert import_runs(path, other).present == 1
    assert other.record(spec.key()) is None and begun.read_bytes() == b"half way"
    # Where nothing was begun the table shows it as it was shown elsewhere.
    third = RunStore(tmp_path / "third")
    import_runs(path, third)
    failed = third.record(spec.key())
    assert failed is not None and failed.status == "failed"


def test_what_an_attempt_left_here_does_not_go_with_a_result_from_elsewhere(
    tmp_path: Path, made: tuple[RunStore, Plan, Path]
) -> None:
    _, planned, path = made
    other = RunStore(tmp_path / "elsewhere")
    folder = other.folder(planned.runs[0].key())
    left = [folder / "checkpoints" / "last.pt", folder / "outputs" / "step-000003.safetensors", folder / "log.jsonl"]
    for file in left:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"of another attempt")
    import_runs(path, other)
    assert not any(file.exists() for file in left)
    assert other.record(planned.runs[0].key()) is not None


@pytest.mark.parametrize(
    ("classes", "predicted", "says"),
    [
        ("3", [0, 3], "a predicted class is not one of its 3"),
        ("3", [-1, 0], "a predicted class is not one of its 3"),
        ("999999999", [0, 1], "does not say of how many classes"),
        ("many", [0, 1], "does not say of how many classes"),
        ("3", [0.5, 1.0], "does not say of how many classes"),
        ("2", [0, 1], "it has 2 logits an image, and the run has 3 classes"),
    ],
)
def test_predicted_classes_that_cannot_be_are_refused(
    tmp_path: Path, made: tuple[RunStore, Plan, Path], classes: str, predicted: list[float], says: str
) -> None:
    def change(members: dict[str, bytes]) -> None:
        name = next(name for name in members if name.endswith("/predictions.parquet"))
        written = io.BytesIO()
        columns = {"id": ["a", "b"], "split": ["target_test"] * 2, "domain": ["toy:filled"] * 2, "label": [0, 1]}
        table = pa.table({**columns, "predicted": predicted}).replace_schema_metadata({"classes": classes})
        pq.write_table(table, written)
        members[name] = written.getvalue()

    with pytest.raises(DataError, match="is no archive of runs") as raised:
        import_runs(repacked(made[2], change), RunStore(tmp_path / "elsewhere"))
    assert says in str(raised.value)


def test_rows_that_a_small_file_unpacks_to_are_counted(
    tmp_path: Path, made: tuple[RunStore, Plan, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archived, "_MOST_ROWS", 3)
    with pytest.raises(DataError, match=r"it has \d+ rows, more than 3"):
        import_runs(made[2], RunStore(tmp_path / "elsewhere"))


@pytest.mark.parametrize("limit", ["_MOST_BYTES", "MOST_MEMBER"])
def test_what_would_unpack_to_too_much_is_refused(
    tmp_path: Path, made: tuple[RunStore, Plan, Path], monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(archive, limit, 1000)
    target = RunStore(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="it would unpack to more than"):
        import_runs(made[2], target)
    assert not target.root.exists()


def test_the_folder_is_blamed_for_its_own_faults(tmp_path: Path, made: tuple[RunStore, Plan, Path]) -> None:
    blocked = tmp_path / "a_file"
    blocked.write_text("")
    with pytest.raises(OSError, match="a_file"):
        import_runs(made[2], RunStore(blocked))


def test_a_file_that_is_cut_short_or_absent_is_refused(tmp_path: Path, made: tuple[RunStore, Plan, Path]) -> None:
    short = tmp_path / "short.zip"
    short.write_bytes(made[2].read_bytes()[:-200])
    target = RunStore(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="is no archive of runs"):
        import_runs(short, target)
    with pytest.raises(DataError, match="there is no file"):
        import_runs(tmp_path / "absent.zip", target)
    assert not target.root.exists()


def test_a_run_that_lost_its_predictions_is_left_out_and_counted(
    tmp_path: Path, made: tuple[RunStore, Plan, Path]
) -> None:
    store, planned, path = made
    (store.folder(planned.runs[0].key()) / "predictions.parquet").unlink()
    packed = export_runs(store, planned.remembered, path)
    assert (packed.runs, packed.absent) == (len(planned.runs) - 1, 1)
    assert import_runs(path, RunStore(tmp_path / "elsewhere")).new == len(planned.runs) - 1


def test_an_archive_of_another_version_is_not_called_damaged(made: tuple[RunStore, Plan, Path]) -> None:
    def another(members: dict[str, bytes]) -> None:
        members["suites/small.json"] = members["suites/small.json"].replace(b'"absent"', b'"lacking"')

    with pytest.raises(DataError, match=r"written by another version of ucdver: suites/small\.json: lacking: Extra"):
        import_runs(repacked(made[2], another), made[0])
