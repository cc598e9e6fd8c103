"""Roles from spaCy's dependency parse, where spaCy is installed."""

from __future__ import annotations

import hashlib
from importlib import metadata
from typing import Any

from ucdver import WeightsError
from ucdver_kcdp.roles import Frame

_SUBJECT = {"nsubj": "ARG0", "csubj": "ARG0", "nsubjpass": "ARG1", "expl": "ARG0"}
_BEHIND = {
    "dobj": "ARG1",
    "obj": "ARG1",
    "attr": "ARG2",
    "acomp": "ARG2",
    "oprd": "ARG2",
    "dative": "ARG2",
    "xcomp": "ARG2",
}
_MODIFIERS = {"prep": "ARGM-LOC", "advmod": "ARGM-MNR", "npadvmod": "ARGM-TMP", "agent": "ARGM-CAU", "neg": "ARGM-NEG"}


class SpacyParser:
    """One frame a verb: subjects, objects and modifiers are the subtrees of the verb's children.

    Args:
        model: an installed English pipeline; another than its own version never stands in for it.
    """

    def __init__(self, model: str) -> None:
        self._parse = _load(model)

    def frames(self, text: str) -> list[Frame]:
        """Return the frames of all sentences of a text, in their order."""
        found: list[Frame] = []
        for sentence in self._parse(text).sents:
            words = tuple(token.text for token in sentence)
            verbs = [t for t in sentence if t.pos_ in ("VERB", "AUX") and t.dep_ not in ("aux", "auxpass")]
            found += [_frame(words, verb, sentence.start) for verb in verbs]
        return found


def spacy_version(model: str) -> str:
    """Return a hash of spaCy's version and the pipeline's; a WeightsError where one of them is not installed."""
    meta = _load(model).meta
    return hashlib.sha256(f"{metadata.version('spacy')} {meta['name']} {meta['version']}".encode()).hexdigest()


def _load(model: str) -> Any:
    try:
        import spacy
    except ImportError as error:
        raise WeightsError("spaCy is not installed", 'pip install spacy, or set parser = "rules"') from error
    try:
        return spacy.load(model)
    except OSError as error:
        raise WeightsError(
            f"spaCy has no pipeline '{model}'", f'python -m spacy download {model}, or set parser = "rules"'
        ) from error


def _frame(words: tuple[str, ...], verb: Any, offset: int) -> Frame:
    tags = ["O"] * len(words)
    tags[verb.i - offset] = "B-V"
    subject = [child for child in verb.children if child.dep_ in _SUBJECT]
    if not subject and verb.dep_ in ("acl", "relcl"):
        # "a man sitting on a bench": the noun that the participle belongs to.
        head = [t for t in verb.head.subtree if t.i < verb.left_edge.i]
        _mark(tags, [t.i - offset for t in head], "ARG0")
    elif not subject and verb.dep_ == "conj":
        subject = [child for child in verb.head.children if child.dep_ in _SUBJECT]
    for child in subject:
        _mark(tags, [t.i - offset for t in child.subtree], _SUBJECT[child.dep_])
    for child in verb.children:
        role = _BEHIND.get(child.dep_) or _MODIFIERS.get(child.dep_)
        if role:
            _mark(tags, [t.i - offset for t in child.subtree], role)
    return Frame(words, tuple(tags))


def _mark(tags: list[str], places: list[int], role: str) -> None:
    free = [i for i in places if tags[i] == "O"]
    for n, i in enumerate(free):
        tags[i] = f"{'I' if n and free[n - 1] == i - 1 else 'B'}-{role}"
