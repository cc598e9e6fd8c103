"""A run that is done, made once more beside its result, which is replaced when there is a whole new one."""

from __future__ import annotations

from pathlib import Path

from ucdver.runs.store import RunStore, remove_folder, start_over

#: In the folder of a run: where it is made once more, and all of that on its way into the place of the old.
_MAKING, _WHOLE = "remake", "swap"
#: Left by earlier versions, which replaced files one by one: beside it the record may be of another attempt.
_MIXED = "remade"


def beside(store: RunStore) -> RunStore:
    """Return a store for the same runs, whose files are kept apart from theirs."""
    return RunStore(store.root, _MAKING)


def is_remade(folder: Path) -> bool:
    """Return whether a run that is done is being made once more, or was when its process was stopped."""
    return (folder / _MAKING).is_dir() or is_mixed(folder)


def is_mixed(folder: Path) -> bool:
    """Return whether the files of a run may be of two attempts, as earlier versions left them when they were killed."""
    return (folder / _MIXED).is_file()


def drop(folder: Path) -> None:
    """Remove what was made beside a run; the run's lock is held."""
    remove_folder(folder / _MAKING)
    (folder / _MIXED).unlink(missing_ok=True)


def settle(folder: Path) -> None:
    """Put what was made beside a run in the place of what it had, where its record says that it is whole.

    The run's lock is held. What a killed process left half done is finished by the next that comes here; meanwhile the
    run has no record, never one beside files of another attempt.
    """
    making, whole = folder / _MAKING, folder / _WHOLE
    if (making / "record.json").is_file():
        start_over(folder)
        making.rename(whole)
    if whole.is_dir():
        for path in sorted(whole.iterdir(), key=lambda path: path.name == "record.json"):
            path.replace(folder / path.name)
        (folder / _MIXED).unlink(missing_ok=True)
        whole.rmdir()
