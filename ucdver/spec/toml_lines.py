"""Where a key stands in a TOML text, so that an error can name the line."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*=")


_PART = re.compile(r"\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+)")


def _parts(dotted: str) -> list[str]:
    # A dot within quotes is part of the name, as in [method."mine.v2"].
    return ["".join(found) for found in _PART.findall(dotted)]


def _located_keys(text: str) -> list[tuple[list[str | int], int]]:
    """Return (path, line number) of every header and key; array tables count their elements."""
    found: list[tuple[list[str | int], int]] = []
    counts: dict[str, int] = {}
    prefix: list[str | int] = []
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header:
            names = _parts(header.group(2))
            prefix = list(names)
            if header.group(1) == "[[":
                counts[header.group(2)] = counts.get(header.group(2), -1) + 1
                prefix.append(counts[header.group(2)])
            elif names[0] in counts:
                prefix = [names[0], counts[names[0]], *names[1:]]
            found.append((list(prefix), number))
            continue
        key = _KEY.match(line)
        if key:
            found.append(([*prefix, *_parts(key.group(1))], number))
            # The keys of an inline table stand on the same line as the table.
            found.extend(
                ([*prefix, *_parts(key.group(1)), inner], number)
                for inner in re.findall(r"[{,]\s*([A-Za-z0-9_-]+)\s*=", line[key.end() :])
            )
    return found


def line_of(text: str, path: Sequence[str | int], mention: str = "") -> int:
    """Return the 1-based line of the longest prefix of `path` that stands in `text`; 1 when none does.

    With `mention`, the first line at or after it that contains this text: an element of a list over several lines.
    """
    best, depth = 1, 0
    for location, number in _located_keys(text):
        shared = 0
        for here, wanted in zip(location, path, strict=False):
            if here != wanted:
                break
            shared += 1
        # A table that stands in a list, where none belongs, is found by its name alone.
        listed = shared == len(path) and location[shared:] == [0]
        if (shared == len(location) or listed) and shared > depth:
            best, depth = number, shared
    if mention:
        for number, line in enumerate(text.splitlines()[best - 1 :], start=best):
            if mention in line:
                return number
    return best
