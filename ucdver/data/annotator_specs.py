"""What ucdver itself registers as annotators; it imports no torch."""

from __future__ import annotations

from ucdver.spec.plugin import AnnotatorSpec

ANNOTATORS = [
    AnnotatorSpec(
        name="text",
        version="1",
        target="ucdver.data.annotators:Text",
        summary="the text that the data set has with an image, or that was imported in its place",
        kind="text",
        reads=("text",),
    ),
    AnnotatorSpec(
        name="topic",
        version="1",
        target="ucdver.data.annotators:Topic",
        summary="a number for each topic; an image without one has a number of its own",
        kind="tensor",
        reads=("topic", "digest"),
    ),
]
