"""Fetching the emoji: eleven pinned npm packages become one picture a file, all of them or none."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from ucdver import FetchError
from ucdver_emotion.emoji_labels import EmojiLabel, labelled, plain_hexcode
from ucdver_emotion.icon_sets import ICON_SETS, IconSet
from ucdver_emotion.iconify import IconifySet
from ucdver_emotion.npm import NEXT_COMMAND, TIME_LIMIT_SECONDS, client, pack
from ucdver_emotion.packages import check_integrity, read_members

STAMP = "complete.json"
_AT_ONCE = 4


def fetch(root: Path) -> None:
    """Fill the absent or empty folder `root` with the drawings of every labelled concept.

    It gets `<domain>/<hexcode>.svg` or `.webp`, `LICENCES.md` and, as the sign that nothing is missing,
    `complete.json`.

    Raises:
        FetchError: no npm client, no network, a package that is not the pinned one, a folder that holds
            something already or cannot be written.
    """
    fetch_icon_sets(root, ICON_SETS, labelled())


def fetch_icon_sets(
    root: Path,
    icon_sets: Sequence[IconSet],
    labels: Sequence[EmojiLabel],
    time_limit: float = TIME_LIMIT_SECONDS,
) -> None:
    """Do as `fetch` for the given sets and concepts; each package has `time_limit` seconds to arrive."""
    root = root.absolute()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FetchError(f"{root} is not an empty folder", f"remove it, then {NEXT_COMMAND}")
    command = client()
    try:
        _fetch_into_place(root, command, icon_sets, labels, time_limit)
    except OSError as error:
        raise FetchError(
            f"the emoji could not be written to {root}: {error.strerror or error}",
            f"make room there, then {NEXT_COMMAND}",
        ) from error


def _fetch_into_place(
    root: Path,
    command: list[str],
    icon_sets: Sequence[IconSet],
    labels: Sequence[EmojiLabel],
    time_limit: float,
) -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    # A sibling, so that the last step is a rename within one file system.
    with tempfile.TemporaryDirectory(prefix=f".{root.name}-", dir=root.parent) as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        counts = _fill(made, Path(scratch), command, icon_sets, labels, time_limit)
        _write(made / "LICENCES.md", _licences(icon_sets).encode())
        stamp = json.dumps(_stamp(icon_sets, labels, counts), indent=2, ensure_ascii=False) + "\n"
        _write(made / STAMP, stamp.encode())
        if root.exists():
            root.rmdir()
        made.replace(root)


def _fill(
    made: Path,
    scratch: Path,
    command: list[str],
    icon_sets: Sequence[IconSet],
    labels: Sequence[EmojiLabel],
    time_limit: float,
) -> dict[str, int]:
    """Fetch several packages at once, write their drawings and return how many each domain has."""
    counts: dict[str, int] = {}
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        jobs = {
            pool.submit(_one_set, icons, made / icons.domain, scratch, command, labels, time_limit): icons
            for icons in icon_sets
        }
        try:
            for job in as_completed(jobs):
                counts[jobs[job].domain] = job.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return counts


def _one_set(
    icons: IconSet,
    folder: Path,
    scratch: Path,
    command: list[str],
    labels: Sequence[EmojiLabel],
    time_limit: float,
) -> int:
    package = f"{icons.package}@{icons.version}"
    download = scratch / f"npm-{icons.domain}"
    download.mkdir()
    file = pack(command, package, download, time_limit)
    check_integrity(file, package, icons.integrity)
    pictures = _pictures(icons, package, read_members(file, package), labels)
    shutil.rmtree(download)
    if not pictures:
        raise FetchError(f"{package} draws none of the concepts", "report it; nothing of it was kept")
    folder.mkdir()
    for name, content in pictures.items():
        _write(folder / name, content)
    return len(pictures)


def _pictures(
    icons: IconSet, package: str, members: Mapping[str, bytes], labels: Sequence[EmojiLabel]
) -> dict[str, bytes]:
    """Return the drawings of the labelled concepts by file name."""
    if icons.kind == "webp":
        found = {plain_hexcode(Path(name).stem): data for name, data in members.items() if name.endswith(".webp")}
        return {f"{x.hexcode}.webp": found[x.hexcode] for x in labels if x.hexcode in found}
    drawn = IconifySet(members, package, icons.suffix)
    documents = {label.hexcode: drawn.svg(label) for label in labels}
    return {f"{hexcode}.svg": text.encode() for hexcode, text in documents.items() if text is not None}


def _stamp(icon_sets: Sequence[IconSet], labels: Sequence[EmojiLabel], counts: Mapping[str, int]) -> dict[str, object]:
    return {
        "sets": {
            icons.domain: {
                "package": icons.package,
                "version": icons.version,
                "integrity": icons.integrity,
                "pictures": counts[icons.domain],
            }
            for icons in icon_sets
        },
        "concepts": [label.hexcode for label in labels],
    }


def _licences(icon_sets: Sequence[IconSet]) -> str:
    lines = [
        "# Licences of the pictures in this folder",
        "",
        "Each folder holds drawings of one icon set, taken from an npm package and unchanged, but that",
        "SVG bodies were given an outer `<svg>` element. The art stays under the licence of its makers.",
        "",
        "| folder | art by | licence | source | package |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {s.domain} | {s.author} | {s.licence} | {s.url} | {s.package} {s.version} |" for s in icon_sets]
    return "\n".join(lines) + "\n"


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
