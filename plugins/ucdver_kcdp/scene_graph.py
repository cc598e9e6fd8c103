"""Scene graphs that a model wrote: what is there, how it is, and what it does to what else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ucdver_kcdp.role_rules import PREPOSITIONS

#: Keys under which models tell the verb of a relationship, and the word for how an object is.
_VERBS = ("relationship", "relation", "predicate", "verb")
_HOW = ("attribute", "attributes")
#: What begins a relationship without a verb beside prepositions, as in "next to".
_PLACES = {"next", "left", "right", "close", "part", "adjacent"}


@dataclass(frozen=True)
class SceneGraph:
    """Objects; attributes as (object, attribute); relationships as (subject, verb, object)."""

    objects: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    relationships: tuple[tuple[str, str, str], ...]

    def text(self) -> str:
        """Return one plain sentence a relationship and an attribute, and one of the objects that are in neither."""
        told = {word for part in (*self.relationships, *self.attributes) for word in part}
        rest = [name for name in self.objects if name not in told]
        sentences = [_sentence(part) for part in self.relationships]
        sentences += [f"{name} is {how}" for name, how in self.attributes]
        sentences += [", ".join(rest)] if rest else []
        return "".join(f"{sentence}. " for sentence in sentences).strip()


def read_scene_graph(text: str) -> SceneGraph | None:
    """Return the graph in an answer, or None where it holds no JSON object that is one.

    The form is that of KCDP++'s figure: {"object": [...], "attributes": [{...}], "relationships": [{...}]}. Models vary
    it, so the plural of "object", attributes by object or in pairs, and relationships as lists of three are read too.
    """
    begin, end = text.find("{"), text.rfind("}")
    try:
        found = json.loads(text[begin : end + 1]) if 0 <= begin < end else None
    except (ValueError, RecursionError):
        # A number of thousands of digits is a ValueError too, and brackets without end a RecursionError.
        return None
    if not isinstance(found, dict):
        return None
    graph = SceneGraph(
        tuple(_words(found.get("objects", found.get("object")))),
        tuple(_attributes(found.get("attributes"))),
        tuple(_relationships(found.get("relationships"))),
    )
    return graph if graph.objects or graph.attributes or graph.relationships else None


def _sentence(relationship: tuple[str, str, str]) -> str:
    """Return "boy holds dog", and "cup is on table" where a model tells no verb: without one no triple is found."""
    subject, relation, related = relationship
    first, *more = relation.lower().split()
    verb = "is " if first in PREPOSITIONS or (more and first in _PLACES) else ""
    return f"{subject} {verb}{relation} {related}"


def _words(value: Any) -> Iterator[str]:
    """Yield the words of a string, or of a list of strings or of objects with a name."""
    for item in value if isinstance(value, list) else [value]:
        word = item.get("name") if isinstance(item, dict) else item
        if isinstance(word, str) and word.strip():
            yield word.strip()


def _attributes(value: Any) -> Iterator[tuple[str, str]]:
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict):
            continue
        how = next((item[key] for key in _HOW if key in item), None)
        named = {item["object"]: how} if isinstance(item.get("object"), str) and how is not None else item
        for name, words in named.items():
            yield from ((str(name), word) for word in _words(words))


def _relationships(value: Any) -> Iterator[tuple[str, str, str]]:
    for item in value if isinstance(value, list) else [value]:
        part = item
        if isinstance(item, dict):
            part = [item.get("subject"), next((item[key] for key in _VERBS if key in item), None), item.get("object")]
        if isinstance(part, list) and len(part) == 3 and all(isinstance(w, str) and w.strip() for w in part):
            yield (part[0].strip(), part[1].strip(), part[2].strip())
