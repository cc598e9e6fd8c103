"""The tasks on emoji: from icon sets of some styles, labelled, to a set of another style."""

from __future__ import annotations

from ucdver import Domain, Task


def _task(name: str, sources: str, target: str, note: str) -> Task:
    return Task(
        id=name,
        sources=tuple(Domain(dataset="emoji", name=source) for source in sources.split()),
        targets=(Domain(dataset="emoji", name=target),),
        label_space="ekman6",
        note=note,
    )


EMOJI_TASKS: tuple[Task, ...] = (
    _task("flat_flat", "noto twemoji fluent_flat", "emojione_v1", "flat -> an older flat style: the easiest"),
    _task("flat_blob", "twemoji emojione fluent_flat", "noto_v1", "flat -> blob"),
    # The flat twin of the 3D set shows the same drawings, so it is left out.
    _task("flat_3d", "noto twemoji emojione", "fluent_3d", "flat -> 3D"),
    _task("flat_outline", "noto twemoji emojione fluent_flat", "openmoji", "flat -> outline"),
    _task("outline_flat", "openmoji streamline", "emojione_v1", "outline -> flat"),
    _task(
        "3d_contrast",
        "fluent_3d",
        "fluent_high_contrast",
        "3D -> high contrast, one source, which has twins of most target drawings in its own style",
    ),
    _task(
        "many_mono",
        "noto twemoji emojione fluent_flat openmoji",
        "emojione_monotone",
        "several sources -> monotone; one of them, emojione, has the same drawings in colour",
    ),
)
