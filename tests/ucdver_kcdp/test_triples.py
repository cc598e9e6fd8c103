"""Captions to triples: the release's rule, the parser without dependencies, and spaCy's where it is installed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucdver import DataError, WeightsError
from ucdver.testing.annotators import annotate
from ucdver_kcdp import spacy_parser
from ucdver_kcdp.role_rules import RuleParser
from ucdver_kcdp.roles import Frame
from ucdver_kcdp.spacy_parser import SpacyParser, _frame, spacy_version
from ucdver_kcdp.triples import Triple, read_triples, triple_of, triples_of, write_triples


def told(text: str) -> list[str]:
    return [" | ".join(" ".join(s) for s in (t.subject, t.verb, t.object)) for t in triples_of(text, RuleParser())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A dog chases a cat.", ["A dog | chases | a cat"]),
        ("a man sitting on a bench with a dog", ["a man | sitting | on a bench with a dog"]),
        ("The girl is very happy", ["The girl | is | very happy"]),
        ("a woman is holding a baby in her arms", ["a woman | is holding | a baby"]),
        ("Two children play with a ball.", ["Two children | play | with a ball"]),
        (
            "A man smiles at the camera while a woman holds a cup.",
            ["A man | smiles | at the camera", "a woman | holds | a cup"],
        ),
        (
            "A boy is standing in the rain, holding an umbrella.",
            ["A boy | is standing | in the rain", "A boy | holding | an umbrella"],
        ),
        ("The image evokes a feeling of joy.", ["The image | evokes | a feeling of joy"]),
        ("A house was destroyed by a storm", ["A house | was destroyed | by a storm"]),
        ("a red building in the evening", []),
        ("Dogs bark.", []),
        ("", []),
    ],
)
def test_the_rules_read_what_captioners_write(text: str, expected: list[str]) -> None:
    assert told(text) == expected


@given(st.text(alphabet=st.sampled_from("abi .,'é-dgns"), max_size=60))
def test_any_text_is_read_and_every_slot_of_a_triple_holds_words_of_it(text: str) -> None:
    for triple in triples_of(text, RuleParser()):
        for slot in (triple.subject, triple.verb, triple.object):
            assert slot
            assert all(word in text for span in slot for word in span.split())


@given(st.lists(st.sampled_from(["B-ARG0", "I-ARG0", "B-V", "I-V", "B-ARG1", "B-ARG2", "B-ARGM-LOC", "O"]), max_size=9))
def test_a_triple_has_all_three_parts_or_is_none(tags: list[str]) -> None:
    found = triple_of(Frame(tuple(f"w{i}" for i in range(len(tags))), tuple(tags)))
    if found is not None:
        assert found.subject
        assert found.verb
        assert found.object
    else:
        complete = "B-V" in tags and "B-ARG0" in tags and {"B-ARG2", "B-ARGM-LOC"} & set(tags)
        assert not complete


def test_the_release_fuses_what_is_meant_to_be_words() -> None:
    triple = Triple(("He",), ("gives",), ("a gift", "to her"))
    assert triple.text() == "He gives a gift to her"
    assert triple.text("") == "Hegivesa giftto her"


def test_triples_survive_as_text() -> None:
    triples = triples_of('A "big" dog sees an apple. A cat sleeps on a café table.', RuleParser())
    assert len(triples) == 2
    assert read_triples(write_triples(triples)) == triples
    assert read_triples("") == []
    assert annotate("kcdp_triples", [{"kcdp_caption": "A dog chases a cat."}, {"kcdp_caption": ""}]) == [
        '[{"subject": ["A dog"], "verb": ["chases"], "object": ["a cat"]}]',
        "[]",
    ]


def test_imported_triples_may_have_one_text_a_slot_and_nothing_else() -> None:
    given = '[{"subject": "a dog", "verb": ["chases"], "object": ["a cat", "at night"]}]'
    assert read_triples(given) == [Triple(("a dog",), ("chases",), ("a cat", "at night"))]
    for bad in ("no JSON", "3", "{}", '[{"subject": "a", "verb": "b"}]', '[{"subject": 1, "verb": "b", "object": "c"}]',
                '["a dog"]', '[{"subject": [["a"]], "verb": "b", "object": "c"}]'):  # fmt: skip
        with pytest.raises(DataError, match="is no list of triples; kcdp_triples are a JSON list of"):
            read_triples(bad)


@dataclass
class Token:
    """As much of a spaCy token as is read; `children` are what depends on it."""

    text: str
    i: int
    pos_: str
    dep_: str
    children: list[Token] = field(default_factory=list)
    head: Token | None = None

    @property
    def subtree(self) -> list[Token]:
        return sorted([self, *(t for child in self.children for t in child.subtree)], key=lambda t: t.i)

    @property
    def left_edge(self) -> Token:
        return self.subtree[0]


def parsed(*words: tuple[str, str, str, int], offset: int = 0) -> list[Token]:
    """Return tokens of (text, part of speech, dependency, index of the head), the first standing at `offset`."""
    tokens = [Token(text, offset + i, pos, dep) for i, (text, pos, dep, _) in enumerate(words)]
    for token, (_, _, _, head) in zip(tokens, words, strict=True):
        token.head = tokens[head]
        if token.head is not token:
            token.head.children.append(token)
    return tokens


@pytest.mark.parametrize("offset", [0, 7])
def test_a_dependency_parse_becomes_roles(offset: int) -> None:
    tokens = parsed(
        ("A", "DET", "det", 1),
        ("dog", "NOUN", "nsubj", 2),
        ("chases", "VERB", "ROOT", 2),
        ("a", "DET", "det", 5),
        ("small", "ADJ", "amod", 5),
        ("cat", "NOUN", "dobj", 2),
        ("in", "ADP", "prep", 2),
        ("rain", "NOUN", "pobj", 6),
        offset=offset,
    )
    frame = _frame(tuple(t.text for t in tokens), tokens[2], offset)
    assert frame.tags == (
        "B-ARG0", "I-ARG0", "B-V", "B-ARG1", "I-ARG1", "I-ARG1", "B-ARGM-LOC", "I-ARGM-LOC",
    )  # fmt: skip
    assert triple_of(frame) == Triple(("A dog",), ("chases",), ("a small cat",))


def test_a_participle_has_its_noun_for_a_subject_and_a_second_verb_the_first_ones() -> None:
    tokens = parsed(
        ("a", "DET", "det", 1),
        ("man", "NOUN", "ROOT", 1),
        ("holding", "VERB", "acl", 1),
        ("cups", "NOUN", "dobj", 2),
    )
    assert triple_of(_frame(("a", "man", "holding", "cups"), tokens[2], 0)) == Triple(
        ("a man",), ("holding",), ("cups",)
    )
    tokens = parsed(
        ("Dogs", "NOUN", "nsubj", 1),
        ("run", "VERB", "ROOT", 1),
        ("and", "CCONJ", "cc", 1),
        ("eat", "VERB", "conj", 1),
        ("food", "NOUN", "dobj", 3),
    )
    assert triple_of(_frame(("Dogs", "run", "and", "eat", "food"), tokens[3], 0)) == Triple(
        ("Dogs",), ("eat",), ("food",)
    )


def test_every_sentence_is_read_and_auxiliaries_are_no_verbs_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    first = parsed(("It", "PRON", "nsubj", 2), ("is", "AUX", "aux", 2), ("eating", "VERB", "ROOT", 2),
                   ("grass", "NOUN", "dobj", 2))  # fmt: skip
    second = parsed(("We", "PRON", "nsubj", 1), ("see", "VERB", "ROOT", 1), ("it", "PRON", "dobj", 1), offset=4)

    class Sentence(list[Token]):
        @property
        def start(self) -> int:
            return self[0].i

    class Document:
        sents = (Sentence(first), Sentence(second))

    monkeypatch.setattr(spacy_parser, "_load", lambda model: lambda text: Document())
    assert triples_of("whatever", SpacyParser("any")) == [
        Triple(("It",), ("eating",), ("grass",)),
        Triple(("We",), ("see",), ("it",)),
    ]


def test_spacy_where_it_is_installed_and_a_word_where_it_is_not() -> None:
    if importlib.util.find_spec("spacy") is None:
        with pytest.raises(WeightsError, match="spaCy is not installed"):
            spacy_version("en_core_web_sm")
        return
    if importlib.util.find_spec("en_core_web_sm") is None:
        with pytest.raises(WeightsError, match="no pipeline"):
            SpacyParser("en_core_web_sm")
        return
    (triple,) = triples_of("A dog chases a small cat.", SpacyParser("en_core_web_sm"))
    assert triple == Triple(("A dog",), ("chases",), ("a small cat",))
