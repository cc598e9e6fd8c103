"""From class names to prompts: templates and words are data beside this file, and no picture or label is asked."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from itertools import product
from typing import Any

#: What a template may hold, apart from {picture}; each template needs one of them.
ABOUT_THE_CLASS = ("name", "noun", "adjective")
#: The words of a class by placeholder.
Words = Mapping[str, Sequence[str]]


def templates_of(name: str) -> tuple[str, ...]:
    """Return the templates of a set of templates.toml."""
    return tuple(_data("templates.toml")[name])


def words_of(classes: Sequence[str]) -> list[Words]:
    """Return each class's words by placeholder: its name, its nouns, its adjectives.

    A class that words.toml does not have is its own noun and adjective.
    """
    table = _data("words.toml")
    plain = [name.replace("_", " ") for name in classes]
    return [{"name": [name], **table.get(name, {"noun": [name], "adjective": [name]})} for name in plain]


def nouns(classes: Sequence[str]) -> list[str]:
    """Return the first noun of each class."""
    return [words["noun"][0] for words in words_of(classes)]


def class_prompts(classes: Sequence[str], templates: Sequence[str], picture: str) -> list[list[str]]:
    """Return the prompts of each class, in class order.

    Args:
        classes: names from the label space.
        templates: with {name}, {noun} or {adjective}, and with {picture} where that is wanted.
        picture: what the pictures are, with its article, as in "a sticker".
    """
    return [
        [text for template in templates for text in _filled(template, {**words, "picture": [picture]})]
        for words in words_of(classes)
    ]


def check_template(template: str) -> None:
    """Refuse a template that says nothing of the class, or has an unknown placeholder, with a ValueError."""
    fields = set(_fields(template))
    known = (*ABOUT_THE_CLASS, "picture")
    for field in sorted(fields):
        if field not in known:
            raise ValueError(f"'{template}' has {{{field}}}; it may have {', '.join(f'{{{k}}}' for k in known)}")
    if not fields & set(ABOUT_THE_CLASS):
        raise ValueError(f"'{template}' is the same for every class: put {{noun}} where its word goes")


def _fields(template: str) -> list[str]:
    return list(dict.fromkeys(field for _, field, _, _ in string.Formatter().parse(template) if field is not None))


def _filled(template: str, words: Words) -> list[str]:
    """Return the template once for each way of filling it in."""
    fields = _fields(template)
    return [
        template.format(**dict(zip(fields, chosen, strict=True))) for chosen in product(*(words[f] for f in fields))
    ]


def _data(file: str) -> dict[str, Any]:
    return tomllib.loads((resources.files("ucdver_vlm") / file).read_text(encoding="utf-8"))
