"""The tasks between data sets: photos and stickers, faces and emoji, photos and art."""

from __future__ import annotations

from ucdver import Domain, Task


def _task(name: str, sources: str, targets: str, space: str, note: str) -> Task:
    return Task(
        id=name,
        sources=tuple(Domain.model_validate(source) for source in sources.split()),
        targets=tuple(Domain.model_validate(target) for target in targets.split()),
        label_space=space,
        note=note,
    )


# A domain cannot be source and target of one task, so each source is missing among its own targets.
_UNSEEN = "emo8:mixed emotionroi:photo fi:photo artphoto:art"

_STICKERS = (
    _task("emoset_ser30k", "emoset:photo", "ser30k:sticker", "ucdver6", "photos -> stickers"),
    _task("ser30k_emoset", "ser30k:sticker", "emoset:photo", "ucdver6", "stickers -> photos"),
    _task("emoset_all", "emoset:photo", f"ser30k:sticker {_UNSEEN}", "ucdver6", "photos -> whatever comes"),
    _task("ser30k_all", "ser30k:sticker", f"emoset:photo {_UNSEEN}", "ucdver6", "stickers -> whatever comes"),
)

_FACES = (
    _task("faces_flat", "fer2013:face", "emoji:noto", "ekman6", "photographed faces -> flat"),
    _task("faces_3d", "fer2013:face", "emoji:fluent_3d", "ekman6", "photographed faces -> 3D"),
    _task("faces_outline", "fer2013:face", "emoji:openmoji", "ekman6", "photographed faces -> outline"),
    _task(
        *("flat_faces", "emoji:noto emoji:twemoji emoji:fluent_flat", "fer2013:face", "ekman6"),
        "flat -> photographed faces",
    ),
    _task("3d_faces", "emoji:fluent_3d", "fer2013:face", "ekman6", "3D -> photographed faces"),
)

_ART = (
    _task("fi_artphoto", "fi:photo", "artphoto:art", "mikels8", "photos -> artists' photos"),
    _task("fi_abstract", "fi:photo", "abstract:abstract", "mikels8", "photos -> abstract paintings"),
    _task("fi_artemis", "fi:photo", "artemis:painting", "mikels8", "photos -> paintings"),
    _task("emoset_artphoto", "emoset:photo", "artphoto:art", "mikels8", "photos -> artists' photos"),
    _task("emoset_abstract", "emoset:photo", "abstract:abstract", "mikels8", "photos -> abstract paintings"),
    _task("emoset_artemis", "emoset:photo", "artemis:painting", "mikels8", "photos -> paintings"),
)

PICTURE_TASKS: tuple[Task, ...] = (*_STICKERS, *_FACES, *_ART)
