"""Loading models through transformers: quietly, and none of which a weight is left at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ucdver.errors import WeightsError


def check_whole(folder: Path, what: str, report: Mapping[str, Any], unused: tuple[str, ...] = ()) -> None:
    """Refuse a checkpoint that leaves a weight at random, which transformers only warns of.

    Args:
        folder: where it was read from.
        what: what it was loaded as, as in "a CLIP".
        report: what `from_pretrained` says with `output_loading_info=True`.
        unused: beginnings of the names of weights that are never read, and may be absent.

    Raises:
        WeightsError: it lacks a weight, or has one of another shape.
    """
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(unused))
    missing += [str(entry[0]) for entry in report["mismatched_keys"]]
    if missing:
        count = "1 weight" if len(missing) == 1 else f"{len(missing)} weights in all"
        raise WeightsError(
            f"'{folder.as_posix()}' lacks '{missing[0]}' of {what} ({count})",
            "name a folder with the whole model, as save_pretrained writes it",
        )


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keep transformers from drawing its own progress bars among ucdver's."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
