"""The runs folder: one folder a key, every file written under a temporary name, a record only when a run has ended."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from ucdver.errors import DataError, SpecError, suggestion
from ucdver.evaluate.predictions import Predictions, read_predictions, write_predictions
from ucdver.files import atomic_path, atomic_write_text
from ucdver.spec.base import first_fault, of_another_version
from ucdver.spec.run import RunRecord, RunSpec
from ucdver.spec.suite import SuitePlan


def checkpoint_name(done: int, steps: int | None = None) -> str:
    """Return what the checkpoint after `done` of `steps` steps is called: `last`, or as in `step-000120`."""
    return "last" if done == steps else f"step-{done:06d}"


def clear(folder: Path, *names: str) -> None:
    """Remove some of a run's folders, and its logs; with its `predictions` those at its end too. Its lock is held.

    Raises:
        OSError: something cannot be removed.
    """
    for name in names:
        remove_folder(folder / name)
    files = ("log.jsonl", "pseudo_labels.jsonl", *(["predictions.parquet"] if "predictions" in names else []))
    for name in files:
        (folder / name).unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Remove a folder, if it is there; a process that is killed at it leaves it whole or gone.

    Raises:
        OSError: it cannot be removed.
    """
    if path.is_dir():
        gone = path.with_name(f".tmp-{uuid.uuid4().hex}-{path.name}")
        path.rename(gone)
        shutil.rmtree(gone)


def start_over(folder: Path) -> None:
    """Remove what an attempt left of a run, its record too; the run's lock is held.

    A process that is killed at it leaves the run as it was, but for its weights, or a run that nothing goes on from.

    Raises:
        OSError: something cannot be removed.
    """
    # The weights first: with them and without a record, the old result would come back as that of a new attempt.
    remove_folder(folder / "checkpoints")
    (folder / "record.json").unlink(missing_ok=True)
    clear(folder, "outputs", "predictions")


class RunStore:
    """Reads and writes `<root>/<key[:2]>/<key>/` and the plans in `<root>/suites/`.

    Args:
        root: the runs folder.
        within: a folder of each run, to keep what is made in there apart from what the run has.

    Raises:
        SpecError: the root is a file.
    """

    def __init__(self, root: Path, within: str = "") -> None:
        if root.exists() and not root.is_dir():
            raise SpecError(f"{root} is a file, and no folder of runs", "name a folder with --runs")
        self.root = root
        self.within = within

    def folder(self, key: str) -> Path:
        """Return the folder of a run; it need not exist."""
        return self.root / key[:2] / key / self.within

    def record(self, key: str) -> RunRecord | None:
        """Return the record of a run, or None when it has not ended; a damaged record is a DataError."""
        path = self.folder(key) / "record.json"
        try:
            record = RunRecord.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise _unreadable(path, error, "remove that folder and run the suite again") from error
        if record.spec.key() != key:
            raise DataError(f"{path} is the record of another run", "remove that folder and run the suite again")
        return record

    def spec(self, key: str) -> RunSpec | None:
        """Return what a run was declared to be, or None where it was never begun, or its file cannot be read."""
        try:
            return RunSpec.model_validate_json((self.folder(key) / "spec.json").read_bytes())
        except (OSError, ValueError):
            return None

    def write_spec(self, spec: RunSpec) -> Path:
        """Write `spec.json` and return the run's folder."""
        folder = self.folder(spec.key())
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write_text(folder / "spec.json", spec.model_dump_json(indent=1))
        return folder

    def write_record(self, record: RunRecord) -> None:
        """Write `record.json`, last of all files of the run: with it the run has ended."""
        folder = self.folder(record.spec.key())
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write_text(folder / "record.json", record.model_dump_json(indent=1))

    def predictions(self, key: str, done: int | None = None) -> Predictions:
        """Return the predictions of a run at its end, or on the target after `done` steps."""
        return read_predictions(self._predictions_path(key, done))

    def write_predictions(self, key: str, predictions: Predictions, done: int | None = None) -> None:
        """Write `predictions.parquet`, or the predictions on the target after `done` steps beside it."""
        with atomic_path(self._predictions_path(key, done)) as temporary:
            write_predictions(predictions, temporary)

    def has_predictions(self, key: str, done: int | None = None) -> bool:
        """Return whether there are such predictions."""
        return self._predictions_path(key, done).is_file()

    def outputs_path(self, spec: RunSpec, done: int) -> Path:
        """Return the file with what selection rules read of a run after `done` steps."""
        return self.folder(spec.key()) / "outputs" / f"{checkpoint_name(done, spec.protocol.steps)}.safetensors"

    def lacks_outputs(self, spec: RunSpec) -> bool:
        """Return whether what selection rules read is absent at any checkpoint of a run."""
        return not all(self.outputs_path(spec, done).is_file() for done in spec.protocol.checkpoint_steps())

    def _predictions_path(self, key: str, done: int | None) -> Path:
        if done is None:
            return self.folder(key) / "predictions.parquet"
        return self.folder(key) / "predictions" / f"{checkpoint_name(done)}.parquet"

    def records(self) -> Iterator[RunRecord]:
        """Yield the record of every run that has ended, in the order of their keys."""
        for path in sorted(self.root.glob("??/*/record.json")):
            record = self.record(path.parent.name)
            if record is not None:
                yield record

    def write_plan(self, plan: SuitePlan) -> None:
        """Remember a plan under its suite's name; a later plan of the same suite takes its place."""
        folder = self.root / "suites"
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write_text(folder / f"{plan.suite.name}.json", plan.model_dump_json(indent=1))

    def suites(self) -> list[str]:
        """Return the names of the suites that were planned here, the latest first."""
        # Plans that are being written, or were when their process died, have hidden names.
        plans = [path for path in (self.root / "suites").glob("*.json") if not path.name.startswith(".")]
        return [path.stem for path in sorted(plans, key=lambda p: (-p.stat().st_mtime_ns, p.name))]

    def plan(self, suite: str | None = None) -> SuitePlan:
        """Return the plan of `suite`, or the latest one; without any a SpecError says how to make one."""
        known = self.suites()
        if not known:
            raise SpecError(f"{self.root} holds no suite", "run 'ucdver bench' first, or name its folder with --runs")
        name = known[0] if suite is None else suite
        if name not in known:
            raise SpecError(
                f"{self.root} holds no suite '{name}'",
                suggestion(name, known, f"it holds {', '.join(known)}"),
            )
        path = self.root / "suites" / f"{name}.json"
        try:
            return SuitePlan.model_validate(json.loads(path.read_bytes()))
        except ValueError as error:
            raise _unreadable(path, error, "plan it again: ucdver bench, with the suite's name or its file") from error

    @contextmanager
    def planning(self) -> Iterator[None]:
        """Let nobody else read and write plans between two steps of this process."""
        folder = self.root / "suites"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            yield


def _unreadable(path: Path, error: ValueError, again: str) -> DataError:
    fault = first_fault(error)
    if of_another_version(error):
        hint = "read it with that version, or name another folder with --runs"
        return DataError(f"{path} was written by another version of ucdver: {fault}", hint)
    return DataError(f"{path} is damaged: {fault}", again)
