"""Where the files of a pretrained model lie, and the hash that stands for them in a run's key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from ucdver.errors import WeightsError


def model_folder(name: str, patterns: Sequence[str], hint: str, *, fetch: bool) -> Path:
    """Return the folder of a model: the one named, or the hub's in the local cache, fetched where that is asked for.

    Args:
        name: a folder, or a name on the hub, as "owner/model".
        patterns: the files that are read; of the hub's copy nothing else is downloaded.
        hint: what to do where there is none, for the error.
        fetch: whether it may be downloaded.

    Raises:
        WeightsError: there is none, or it cannot be fetched.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    # Here, since a method that names a folder needs no client of the hub.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=list(patterns), local_files_only=not fetch))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        raise WeightsError(
            f"the model '{name}' is no folder here and could not be fetched ({type(error).__name__})", hint
        ) from error


def sha256_if_here(compute: Callable[[], str], *, fetch: bool) -> str:
    """Return what `compute` gives; where weights are absent and must not be fetched, an empty string."""
    try:
        return compute()
    except WeightsError:
        if fetch:
            raise
        return ""


def folder_sha256(folder: Path, patterns: Sequence[str]) -> str:
    """Return one sha256 for all files below `folder` that match, names included; none at all is a WeightsError."""
    found = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    if not found:
        raise WeightsError(
            f"'{folder}' holds none of {', '.join(patterns)}", "name a folder that save_pretrained wrote"
        )
    digest = hashlib.sha256()
    for path in found:
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return digest.hexdigest()
