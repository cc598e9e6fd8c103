"""An archive and what was begun, or lost, in the folder that it meets."""

from __future__ import annotations

from pathlib import Path

import pytest

from ucdver.errors import SpecError
from ucdver.runs.archive import export_runs, import_runs
from ucdver.runs.plan import Plan
from ucdver.runs.store import RunStore


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


def test_the_folder_is_blamed_for_its_own_faults(tmp_path: Path, made: tuple[RunStore, Plan, Path]) -> None:
    blocked = tmp_path / "a_file"
    blocked.write_text("")
    with pytest.raises(SpecError, match="a_file is a file, and no folder of runs"):
        import_runs(made[2], RunStore(blocked))


def test_a_run_that_lost_its_predictions_is_left_out_and_counted(
    tmp_path: Path, made: tuple[RunStore, Plan, Path]
) -> None:
    store, planned, path = made
    (store.folder(planned.runs[0].key()) / "predictions.parquet").unlink()
    packed = export_runs(store, planned.remembered, path)
    assert (packed.runs, packed.absent) == (len(planned.runs) - 1, 1)
    assert import_runs(path, RunStore(tmp_path / "elsewhere")).new == len(planned.runs) - 1
