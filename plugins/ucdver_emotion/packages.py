"""A package file: checked against its pinned hash, then read member by member, never unpacked to disk."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from ucdver import FetchError
from ucdver_emotion.npm import NEXT_COMMAND

MAX_MEMBERS = 20_000
MAX_MEMBER_BYTES = 64 * 2**20
MAX_TOTAL_BYTES = 256 * 2**20
_NEEDED = re.compile(r"package/(icons\.json|chars\.json|info\.json|LICENSE(\.\w+)?|assets/[0-9a-f-]+\.webp)")


def integrity_of(path: Path) -> str:
    """Return the hash of a file as npm writes it: `sha512-` and base64."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    return "sha512-" + base64.b64encode(digest).decode()


def check_integrity(path: Path, package: str, expected: str) -> None:
    """Refuse a package file whose hash is not the pinned one, before anything in it is read."""
    got = integrity_of(path)
    if not hmac.compare_digest(got, expected):
        raise FetchError(
            f"{package} is not the file that was pinned: expected {expected}, got {got}",
            f"empty npm's cache (npm cache clean --force), then {NEXT_COMMAND}",
        )


def read_members(path: Path, package: str) -> dict[str, bytes]:
    """Return what is needed of a package file (JSON files, licence, WebP pictures) by path below `package/`.

    Raises:
        FetchError: the file is no gzipped tar archive, or holds an absolute path, a `..`, a link, a device,
            or more or larger members than any icon set has.
    """
    members: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(path, "r:gz") as archive:
            for number, member in enumerate(archive, start=1):
                total += member.size
                _check_member(member, number, total, package)
                if member.isfile() and _NEEDED.fullmatch(member.name):
                    file = archive.extractfile(member)
                    if file is not None:
                        members[member.name.removeprefix("package/")] = file.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise FetchError(f"{package} cannot be read: {error}", f"try again: {NEXT_COMMAND}") from error
    return members


def _check_member(member: tarfile.TarInfo, number: int, total: int, package: str) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name:
        wrong = f"'{member.name}' would lie outside the package"
    elif not (member.isfile() or member.isdir()):
        wrong = f"'{member.name}' is a link or a device"
    elif number > MAX_MEMBERS or member.size > MAX_MEMBER_BYTES or total > MAX_TOTAL_BYTES:
        wrong = f"it is larger than any icon set, at '{member.name}'"
    else:
        return
    raise FetchError(f"{package} is refused: {wrong}", "report it; nothing of it was kept")
