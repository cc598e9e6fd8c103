"""The knowledge parser: a caption to triples of subject, verb and object.

The release reads captions with a semantic role labeller (AllenNLP's, which no current Python can install) and makes a
triple of each verb's roles. That rule is `triple_of`. What labels the roles is exchangeable: `RuleParser` needs nothing
but Python, `SpacyParser` reads a dependency parse.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, Protocol

import torch

from ucdver import Annotator, AnnotatorConfig, DataError, Item
from ucdver_kcdp.role_rules import RuleParser
from ucdver_kcdp.roles import Frame
from ucdver_kcdp.spacy_parser import SpacyParser, spacy_version


@dataclass(frozen=True)
class Triple:
    """Each slot is a list of spans: how they are joined differs between the release and what was meant."""

    subject: tuple[str, ...]
    verb: tuple[str, ...]
    object: tuple[str, ...]

    def text(self, separator: str = " ") -> str:
        """Return the triple as one string. The release joins with nothing, so that words run into each other."""
        return separator.join(separator.join(part) for part in (self.subject, self.verb, self.object))


class Parser(Protocol):
    """What labels the roles of every verb of a text."""

    def frames(self, text: str) -> list[Frame]:
        """Return one frame a verb, in the order of the text."""
        ...


def triple_of(frame: Frame) -> Triple | None:
    """Return the triple of one verb's roles, or None where a slot stays empty: the release's rule.

    Spans are read from left to right. ARG0 is the subject, V the verb; ARG1 is the subject if there is none yet, else
    object; ARG2 is object. The first modifier (ARGM) becomes the object if there is none at the end. Other roles count
    for nothing. A span ends where its role's unbroken run ends; any modifier continues a modifier.
    """
    subject: list[str] = []
    verb: list[str] = []
    objects: list[str] = []
    modifier = ""
    for start, tag in enumerate(frame.tags):
        begins, _, role = tag.partition("-")
        if begins != "B":
            continue
        span = _span(frame, start, role)
        if role.startswith("ARGM"):
            modifier = modifier or span
        elif role == "ARG0" or (role == "ARG1" and not subject):
            subject.append(span)
        elif role == "V":
            verb.append(span)
        elif role in ("ARG1", "ARG2"):
            objects.append(span)
    if modifier and not objects:
        objects.append(modifier)
    return Triple(tuple(subject), tuple(verb), tuple(objects)) if subject and verb and objects else None


def _span(frame: Frame, start: int, role: str) -> str:
    end = start + 1
    while end < len(frame.tags) and (
        frame.tags[end] == f"I-{role}" or (role.startswith("ARGM") and frame.tags[end].startswith("I-ARGM"))
    ):
        end += 1
    return " ".join(frame.words[start:end])


def triples_of(text: str, parser: Parser) -> list[Triple]:
    """Return the triples of a text, one a verb at most."""
    return [triple for frame in parser.frames(text) if (triple := triple_of(frame)) is not None]


def write_triples(triples: Sequence[Triple]) -> str:
    """Return triples as a JSON list, as the annotator gives them."""
    return json.dumps([asdict(triple) for triple in triples])


def read_triples(text: str) -> list[Triple]:
    """Return the triples of such a list, in which a slot may also be one string; an empty text holds none.

    Raises:
        DataError: it is no such list, as what was imported for `kcdp_triples` may be.
    """
    try:
        found = json.loads(text) if text else []
        if not isinstance(found, list):
            raise TypeError("not a list")
        return [Triple(*(_spans(triple[slot]) for slot in ("subject", "verb", "object"))) for triple in found]
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"'{text[:80]}' is no list of triples",
            'kcdp_triples are a JSON list of {"subject": [...], "verb": [...], "object": [...]}, each of texts',
        ) from error


def _spans(slot: Any) -> tuple[str, ...]:
    """Return the spans of a slot: a list of texts, or one text."""
    spans = [slot] if isinstance(slot, str) else slot
    if not isinstance(spans, list) or not all(isinstance(span, str) for span in spans):
        raise TypeError("not texts")
    return tuple(spans)


class Triples(Annotator):
    """The triples of an image's caption, as JSON."""

    class Config(AnnotatorConfig):
        """`parser`: the dependency-free rules, or spaCy with the English pipeline `spacy_model`."""

        parser: Literal["rules", "spacy"] = "rules"
        spacy_model: str = "en_core_web_sm"

    batch_size = 256
    #: The annotator of the captions.
    caption: ClassVar[str] = "kcdp_caption"
    config: Config

    @classmethod
    def weights_sha256(cls, config: Config, *, fetch: bool) -> str:
        """Return what stands for spaCy's pipeline; the rules have no weights, and are part of this version."""
        return spacy_version(config.spacy_model) if config.parser == "spacy" else ""

    def __init__(self, config: Config, device: torch.device) -> None:
        super().__init__(config, device)
        self._parser: Parser = RuleParser() if config.parser == "rules" else SpacyParser(config.spacy_model)

    def annotate(self, items: Sequence[Item]) -> list[str]:
        """Return one JSON list an item."""
        return [write_triples(triples_of(str(item.annotation(self.caption)), self._parser)) for item in items]
