"""What a semantic role labeller gives for one verb."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Frame:
    """The words of a sentence and one BIO tag each: B-ARG0, I-ARG0, B-V, B-ARGM-LOC, ..., or O."""

    words: tuple[str, ...]
    tags: tuple[str, ...]


def tag_spans(words: tuple[str, ...], spans: dict[str, tuple[int, int]]) -> Frame:
    """Return a frame from half-open word ranges by role; an empty range is left out."""
    tags = ["O"] * len(words)
    for role, (start, end) in spans.items():
        for i in range(start, end):
            tags[i] = f"{'B' if i == start else 'I'}-{role}"
    return Frame(words, tuple(tags))
