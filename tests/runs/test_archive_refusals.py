"""Files that are no archive of runs, or a damaged one: each is refused, and nothing is written."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ucdver.errors import DataError
from ucdver.evaluate.predictions import Predictions, read_predictions, write_predictions
from ucdver.runs import archive, archived
from ucdver.runs.archive import import_runs
from ucdver.runs.plan import Plan
from ucdver.runs.store import RunStore


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


def drop_predictions(members: dict[str, bytes]) -> None:
    del members[next(name for name in members if name.endswith("/predictions.parquet"))]


def drop_record(members: dict[str, bytes]) -> None:
    del members[next(name for name in members if name.endswith("/record.json"))]


def drop_plan(members: dict[str, bytes]) -> None:
    del members[next(name for name in members if name.startswith("suites/"))]


def formula_for_a_name(members: dict[str, bytes]) -> None:
    name = next(name for name in members if name.startswith("suites/"))
    plan = json.loads(members[name])
    plan["suite"]["methods"]["=HYPERLINK(1)"] = {}
    members[name] = json.dumps(plan).encode()


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
        (formula_for_a_name, "'=HYPERLINK(1)' is not a name"),
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


@pytest.mark.parametrize(("module", "limit"), [(archive, "_MOST_BYTES"), (archived, "MOST_MEMBER")])
def test_what_would_unpack_to_too_much_is_refused(
    tmp_path: Path, made: tuple[RunStore, Plan, Path], monkeypatch: pytest.MonkeyPatch, module: ModuleType, limit: str
) -> None:
    monkeypatch.setattr(module, limit, 1000)
    target = RunStore(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="it would unpack to more than"):
        import_runs(made[2], target)
    assert not target.root.exists()


def test_a_file_that_is_cut_short_or_absent_is_refused(tmp_path: Path, made: tuple[RunStore, Plan, Path]) -> None:
    short = tmp_path / "short.zip"
    short.write_bytes(made[2].read_bytes()[:-200])
    target = RunStore(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="is no archive of runs"):
        import_runs(short, target)
    with pytest.raises(DataError, match="there is no file"):
        import_runs(tmp_path / "absent.zip", target)
    assert not target.root.exists()


def test_an_archive_of_another_version_is_not_called_damaged(made: tuple[RunStore, Plan, Path]) -> None:
    def another(members: dict[str, bytes]) -> None:
        members["suites/small.json"] = members["suites/small.json"].replace(b'"absent"', b'"lacking"')

    with pytest.raises(DataError, match=r"written by another version of ucdver: suites/small\.json: lacking: Extra"):
        import_runs(repacked(made[2], another), made[0])


def test_a_record_that_is_damaged_here_is_told_before_anything_is_written(
    tmp_path: Path, made: tuple[RunStore, Plan, Path]
) -> None:
    _, planned, path = made
    other = RunStore(tmp_path / "elsewhere")
    # The last one that would come in.
    folder = other.folder(planned.runs[-1].key())
    folder.mkdir(parents=True)
    (folder / "record.json").write_text('{"spec":')
    with pytest.raises(DataError, match=r"record\.json is damaged"):
        import_runs(path, other)
    assert [file.name for file in other.root.rglob("*") if file.is_file()] == ["record.json"]


def unpacking(members: dict[str, bytes], columns: dict[str, pa.Array], **packed: Any) -> None:
    """Put other predictions, of the columns that are given and plain ones, in the place of a run's."""
    name = next(name for name in members if name.endswith("/predictions.parquet"))
    n = len(columns["id"])
    plain = {"split": ["target_test"] * n, "domain": ["toy:outline"] * n, "label": [0] * n}
    predicted = {} if "logits" in columns else {"predicted": [0] * n}
    table = pa.table({**plain, **predicted, **columns}).replace_schema_metadata({"classes": "3"})
    written = io.BytesIO()
    pq.write_table(table, written, compression="zstd", **packed)
    members[name] = written.getvalue()


def growing(members: dict[str, bytes]) -> None:
    ids = pa.array(["x" * 20_000 + str(i) for i in range(2000)])
    unpacking(members, {"id": ids}, use_dictionary=False, column_encoding={"id": "DELTA_BYTE_ARRAY"})


def repeated(count: int, size: int) -> Callable[[dict[str, bytes]], None]:
    ids = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, dtype=np.int32)), pa.array(["x" * size]))
    return lambda members: unpacking(members, {"id": ids}, store_schema=False)


def wide(members: dict[str, bytes]) -> None:
    numbers = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(10_000_000, dtype=np.float32)), 500)
    unpacking(members, {"id": pa.array([str(i) for i in range(20_000)]), "logits": numbers})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (repeated(2000, 200_000), "a name of more than 4096 bytes"),
        (growing, "a name of more than 4096 bytes"),
        (repeated(90_000, 4000), "the names of the column id would unpack to more than 256 MiB"),
        (wide, "it has 500 logits an image"),
    ],
)
def test_few_bytes_that_unpack_to_many_are_refused_before_they_are_read(
    tmp_path: Path,
    made: tuple[RunStore, Plan, Path],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[dict[str, bytes]], None],
    says: str,
) -> None:
    read: list[Path] = []
    path = repacked(made[2], change)
    assert path.stat().st_size < 2**20
    monkeypatch.setattr(archived, "read_predictions", read.append)
    with pytest.raises(DataError, match="is no archive of runs") as raised:
        import_runs(path, RunStore(tmp_path / "elsewhere"))
    assert says in str(raised.value) and not read


@pytest.mark.parametrize("damage", ["version", "name"])
def test_a_zip_that_cannot_be_opened_is_no_archive(
    tmp_path: Path, made: tuple[RunStore, Plan, Path], damage: str
) -> None:
    content = bytearray(made[2].read_bytes())
    start = content.rindex(b"PK\x01\x02")
    if damage == "version":
        # The version of the format that is needed to unpack it: 17.0.
        content[start + 6] = 170
    else:
        # The name is said to be UTF-8, and is none.
        content[start + 9] |= 0x08
        content[start + 46] = 0xFF
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(content)
    with pytest.raises(DataError, match="is no archive of runs"):
        import_runs(damaged, RunStore(tmp_path / "elsewhere"))
