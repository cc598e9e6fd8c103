"""The drawings that pretraining sees: fetched from the pinned packages of the data set `emoji`, drawn, and hashed."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from concepts import INTEGRITY, PACKAGE, Concept, shown
from PIL import Image

from ucdver import ImageRecipe
from ucdver_emotion.draw import draw_bitmap, draw_svg
from ucdver_emotion.emoji_labels import EmojiLabel, labelled, plain_hexcode
from ucdver_emotion.icon_sets import ICON_SETS, IconSet
from ucdver_emotion.iconify import IconifySet
from ucdver_emotion.npm import client, pack
from ucdver_emotion.packages import check_integrity, read_members

#: Pixels at which pictures are kept: for the image-text model, as the frozen suite has them, and half of that.
SIDE = 128


@dataclass(frozen=True)
class Drawing:
    """One concept as one icon set draws it; `sha256` is of the file."""

    domain: str
    concept: Concept
    sha256: str


@dataclass(frozen=True)
class Drawings:
    """What was drawn, in a fixed order, and the pictures, uint8 [N, 128, 128, 3], on white."""

    rows: tuple[Drawing, ...]
    pictures: npt.NDArray[np.uint8]

    @property
    def fingerprint(self) -> str:
        """The sha256 of domains, code points, names and files."""
        lines = [f"{row.domain} {row.concept.hexcode} {row.concept.name} {row.sha256}" for row in self.rows]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def collect(folder: Path) -> Drawings:
    """Fetch what is not in `folder` yet, and return the drawings of all sets; a held-out picture is an error."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = shown(_listing(folder))
    rows: list[Drawing] = []
    files: list[tuple[str, bytes]] = []
    forbidden: set[str] = set()
    for icons in ICON_SETS:
        members = _members(icons, folder)
        forbidden |= {_sha256(content) for _, content in _files(icons, members, labelled()).values()}
        found = _files(icons, members, [_as_label(concept) for concept in wanted])
        for concept in wanted:
            if concept.hexcode in found:
                kind, content = found[concept.hexcode]
                rows.append(Drawing(icons.domain, concept, _sha256(content)))
                files.append((kind, content))
    leaked = [row for row in rows if row.sha256 in forbidden]
    if leaked:
        raise SystemExit(f"held-out pictures would be seen under other names: {leaked[:5]}")
    return Drawings(tuple(rows), _drawn(rows, files, folder))


def _drawn(rows: Sequence[Drawing], files: Sequence[tuple[str, bytes]], folder: Path) -> npt.NDArray[np.uint8]:
    """Return the pictures, from the folder's cache where it is of these very files."""
    name = hashlib.sha256("".join(row.sha256 for row in rows).encode()).hexdigest()[:16]
    path = folder / f"pictures-{SIDE}-{name}.npy"
    if not path.is_file():
        recipe = ImageRecipe(size=SIDE)
        pictures = np.empty((len(files), SIDE, SIDE, 3), np.uint8)
        for i, (kind, content) in enumerate(files):
            place = Path(f"{rows[i].domain}/{rows[i].concept.hexcode}.{kind}")
            draw = draw_svg if kind == "svg" else draw_bitmap
            drawn = draw(content, recipe, place)
            white = Image.new("RGBA", drawn.size, (255, 255, 255, 255))
            pictures[i] = np.asarray(Image.alpha_composite(white, drawn).convert("RGB"))
        np.save(path, pictures, allow_pickle=False)
    drawn_pictures: npt.NDArray[np.uint8] = np.load(path, allow_pickle=False)
    return drawn_pictures


def _files(icons: IconSet, members: Mapping[str, bytes], labels: Sequence[EmojiLabel]) -> dict[str, tuple[str, bytes]]:
    """Return kind and content of a set's pictures by code points."""
    if icons.kind == "webp":
        found = {plain_hexcode(Path(name).stem): data for name, data in members.items() if name.endswith(".webp")}
        return {label.hexcode: ("webp", found[label.hexcode]) for label in labels if label.hexcode in found}
    iconify = IconifySet(members, icons.package, icons.suffix)
    documents = {label.hexcode: iconify.svg(label) for label in labels}
    return {hexcode: ("svg", text.encode()) for hexcode, text in documents.items() if text is not None}


def _as_label(concept: Concept) -> EmojiLabel:
    return EmojiLabel(concept.hexcode, concept.name, (), "", "", "", "", "")


def _members(icons: IconSet, folder: Path) -> dict[str, bytes]:
    package = f"{icons.package}@{icons.version}"
    return read_members(_package(package, icons.integrity, folder), package)


def _listing(folder: Path) -> bytes:
    with tarfile.open(_package(PACKAGE, INTEGRITY, folder), "r:gz") as archive:
        file = archive.extractfile("package/emoji.json")
        if file is None:
            raise SystemExit(f"{PACKAGE} holds no emoji.json")
        return file.read()


def _package(package: str, integrity: str, folder: Path) -> Path:
    place = folder / "packages" / package.replace("/", "__")
    found = sorted(place.glob("*.tgz"))
    if not found:
        place.mkdir(parents=True, exist_ok=True)
        found = [pack(client(), package, place)]
    check_integrity(found[0], package, integrity)
    return found[0]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def counts(rows: Sequence[Drawing]) -> str:
    """Return pictures by set as JSON, for the log."""
    return json.dumps({icons.domain: sum(row.domain == icons.domain for row in rows) for icons in ICON_SETS})
