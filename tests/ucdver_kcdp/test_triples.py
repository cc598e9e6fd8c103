"""Captions to triples: the release's rule, the parser without dependencies, and spaCy's where it is installed."""

from __future__ import annotations

import importlib.util

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucdver import WeightsError
from ucdver.testing.annotators import annotate
from ucdver_kcdp.role_rules import RuleParser
from ucdver_kcdp.roles import Frame
from ucdver_kcdp.spacy_parser import SpacyParser, spacy_version
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
