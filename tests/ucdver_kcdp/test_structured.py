"""Captions in two steps: scene graphs as models write them, the regions that are looked at, and the whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.tiny_blip import write_blip2, write_instructblip
from torch import Tensor

from ucdver import WeightsError
from ucdver.testing.annotators import annotate
from ucdver_kcdp.captioner import Captioner, Decoding
from ucdver_kcdp.role_rules import RuleParser
from ucdver_kcdp.scene_graph import SceneGraph, read_scene_graph
from ucdver_kcdp.structured import SCENE, StructuredCaptioner, boxes, cut, scene_text
from ucdver_kcdp.triples import triples_of

BOY = SceneGraph(("boy", "dog", "tree"), (("boy", "small"), ("dog", "brown")), (("boy", "holds", "dog"),))
FIGURE = {
    "object": ["boy", "dog", "tree"],
    "attributes": [{"object": "boy", "attribute": "small"}, {"object": "dog", "attribute": "brown"}],
    "relationships": [{"subject": "boy", "relation": "holds", "object": "dog"}],
}
OTHERS = {
    "objects": [{"name": "boy"}, "dog", "tree"],
    "attributes": [{"boy": ["small"], "dog": "brown"}],
    "relationships": [["boy", "holds", "dog"]],
}
DECODING = {"size": 32, "max_new_tokens": 6, "min_new_tokens": 2, "beams": 2, "repetition_penalty": 1.0}
PICTURES = torch.randint(0, 256, (3, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.mark.parametrize("form", [FIGURE, OTHERS])
@pytest.mark.parametrize("around", ["{}", "Here it is:\n```json\n{}\n```"])
def test_a_graph_is_read_however_it_is_told(form: object, around: str) -> None:
    assert read_scene_graph(around.replace("{}", json.dumps(form))) == BOY


@given(st.text())
def test_no_answer_is_a_fault(text: str) -> None:
    assert scene_text(text) == text.strip() or read_scene_graph(text) is not None


@given(
    st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_no_json_is_a_fault(value: object) -> None:
    keys = ("object", "objects", "attributes", "relationships")
    graph = read_scene_graph(json.dumps(dict.fromkeys(keys, value)))
    assert graph is None or isinstance(graph.text(), str)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a boy holds a dog",
        "{",
        "}{",
        "{boy}",
        "[1]",
        "{}",
        '{"object": []}',
        '{"object": ' + "9" * 5000 + "}",
        "{" + '"a":[' * 9999 + "}",
    ],
)
def test_what_is_no_graph_is_a_description(text: str) -> None:
    assert read_scene_graph(text) is None and scene_text(text) == text


def test_a_graph_is_told_in_sentences_that_the_parser_reads() -> None:
    assert BOY.text() == "boy holds dog. boy is small. dog is brown. tree."
    found = [(t.subject, t.verb, t.object) for t in triples_of(BOY.text(), RuleParser())]
    assert (("boy",), ("holds",), ("dog",)) in found


@pytest.mark.parametrize(
    ("relation", "triple"),
    [
        ("on", ("boy", "is", "on dog")),
        ("Next to", ("boy", "is", "Next to dog")),
        ("is behind", ("boy", "is", "behind dog")),
        ("standing on", ("boy", "standing", "on dog")),
        ("left", ("boy", "left", "dog")),
    ],
)
def test_a_relationship_without_a_verb_is_a_triple_too(relation: str, triple: tuple[str, str, str]) -> None:
    graph = SceneGraph((), (), (("boy", relation, "dog"),))
    assert [(*t.subject, *t.verb, *t.object) for t in triples_of(graph.text(), RuleParser())] == [triple]


def test_boxes_are_where_most_attention_is_and_no_attention_counts_twice() -> None:
    attention = torch.zeros(4, 6)
    attention[0, 0], attention[3, 5], attention[3, 4] = 3.0, 2.0, 0.5
    assert boxes(attention, 2, 0.5) == [(0.0, 0.0, 0.5, 0.5), (0.5, 0.5, 1.0, 1.0)]
    assert boxes(attention, 1, 1.0) == [(0.0, 0.0, 1.0, 1.0)]
    assert attention[0, 0] == 3.0, "the map that was given is as it was"


@given(st.integers(1, 9), st.integers(1, 9), st.floats(0.01, 1), st.integers(1, 4), st.integers(0, 99))
def test_the_first_box_holds_as_much_as_any_of_its_size(h: int, w: int, share: float, count: int, seed: int) -> None:
    attention = torch.rand(h, w, generator=torch.Generator().manual_seed(seed))
    found = boxes(attention, count, share)
    assert len(found) == count
    top, left, bottom, right = (round(v * n) for v, n in zip(found[0], (h, w, h, w), strict=True))
    rows, columns = bottom - top, right - left
    sums = [
        attention[y : y + rows, x : x + columns].sum().item()
        for y in range(h - rows + 1)
        for x in range(w - columns + 1)
    ]
    assert attention[top:bottom, left:right].sum().item() == pytest.approx(max(sums), abs=1e-5)


def test_a_region_is_a_pixel_at_least() -> None:
    image = torch.arange(12).reshape(1, 3, 4)
    assert cut(image, (0, 0.5, 2 / 3, 1)).tolist() == [[[2, 3], [6, 7]]]
    assert cut(image, (0.99, 0.99, 1, 1)).shape == (1, 1, 1)


class Scripted(Captioner):
    """Answers the scene question with a graph and others with a number; looks at the lower right, then upper left."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[tuple[int, ...]], list[str]]] = []

    def write(self, images: Sequence[Tensor], prompts: Sequence[str], how: Decoding) -> list[str]:
        self.asked.append(([tuple(image.shape) for image in images], list(prompts)))
        graph = json.dumps(FIGURE)
        return [
            graph if p == SCENE else f"seen {int(image[0, 0, 0])}" for image, p in zip(images, prompts, strict=True)
        ]

    def write_and_look(
        self, images: Sequence[Tensor], prompts: Sequence[str], how: Decoding
    ) -> tuple[list[str], Tensor]:
        looked = torch.zeros(len(images), 4, 4)
        looked[:, 3, 3], looked[:, 0, 0] = 0.6, 0.3
        return self.write(images, prompts, how), looked


def test_the_graph_comes_first_and_then_what_is_seen_where_the_model_looked() -> None:
    model = Scripted()
    image = torch.arange(64, dtype=torch.uint8).reshape(1, 8, 8).expand(3, -1, -1)
    how = Decoding(1, 1.0, 1, 5)
    said = StructuredCaptioner(model, "What is seen?", how, regions=2, share=0.5).captions([image, image])
    assert said == [f"{BOY.text()} seen 36 seen 0"] * 2
    assert [prompts[0] for _, prompts in model.asked] == [
        SCENE,
        *[f"The whole picture: {BOY.text()} What is seen?"] * 2,
    ]
    assert [shapes[0] for shapes, _ in model.asked] == [(3, 8, 8), (3, 4, 4), (3, 4, 4)]


@pytest.fixture(scope="module", params=[write_blip2, write_instructblip])
def instructed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    write: Callable[[Path], Path] = request.param
    return write(tmp_path_factory.mktemp("instructed"))


@pytest.mark.parametrize("source", ["model", "structured"])
def test_instructed_models_write_the_same_alone_as_in_a_batch(instructed: Path, source: str) -> None:
    config = {"model": str(instructed), "source": source, "prompt": "what is there ?", **DECODING}
    rows = [{"image": picture, "text": ""} for picture in PICTURES]
    found = annotate("kcdp_caption", rows, config)
    assert all(isinstance(text, str) for text in found) and any(found)
    assert annotate("kcdp_caption", rows[1:2], config) == found[1:2]
    assert not any("what is there ?" in str(text) for text in found), "the question is no part of the answer"


def test_where_a_model_looks_is_a_share_a_patch(instructed: Path) -> None:
    model = Captioner(instructed, "x", "[annotator.x]", torch.device("cpu"), looks=True)
    how = Decoding(2, 1.0, 1, 4)
    texts, looked = model.write_and_look(list(PICTURES), ["what is there ?", "a", "dog"], how)
    assert texts == model.write(list(PICTURES), ["what is there ?", "a", "dog"], how)
    assert looked.shape == (3, 4, 4) and not looked.requires_grad
    assert (looked >= 0).all() and (looked.sum((1, 2)) < 1).all()
    assert looked.std() > 1e-3 and not torch.equal(looked[0], looked[1])
    assert torch.allclose(model.write_and_look([PICTURES[1]], ["a"], how)[1][0], looked[1], atol=1e-6)
    assert not any(m._forward_hooks for m in model._model.modules()), "nothing is left in the model"


def test_a_model_that_follows_no_instruction_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "blip"}))
    with pytest.raises(WeightsError, match=r"follows no instruction.*blip-2 or instructblip"):
        Captioner(tmp_path, "x", "[annotator.x]", torch.device("cpu"), looks=True)
