"""Captions without a captioner: from the nearest source images, or from a bank of phrases."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ucdver import DataError
from ucdver.errors import ConfigError
from ucdver.plugins import load_registry
from ucdver.testing.annotators import annotate
from ucdver_kcdp.captions import Captions
from ucdver_kcdp.clip_space import ClipSpace
from ucdver_kcdp.retrieval import bank_sentences


def pictures(count: int, seed: int) -> list[Tensor]:
    drawn = torch.randint(0, 256, (count, 3, 32, 32), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return list(drawn)


PICTURES = pictures(3, 0)


def rows() -> list[dict[str, object]]:
    return [{"image": picture, "text": f"text {i}"} for i, picture in enumerate(PICTURES)]


def test_phrases_are_those_that_clip_finds_nearest(clip: Path, tmp_path: Path) -> None:
    bank = tmp_path / "bank.txt"
    bank.write_text("a dog\na cat\na bird\na dog\n")
    config = {"source": "phrases", "retriever": str(clip), "bank": str(bank), "top": 2, "size": 32}
    found = annotate("kcdp_caption", rows(), config)
    for text in found:
        parts = str(text).removesuffix(".").split(". ")
        assert len(parts) == 2 == len(set(parts))
        assert set(parts) <= {"a dog", "a cat", "a bird"}
    assert annotate("kcdp_caption", rows()[2:], config) == found[2:]
    first = Captions.weights_sha256(Captions.Config(**config), fetch=True)  # type: ignore[arg-type]
    bank.write_text("a dog\n")
    assert first != Captions.weights_sha256(Captions.Config(**config), fetch=True)  # type: ignore[arg-type]
    bank.write_text("\n")
    with pytest.raises(DataError, match="holds no sentence"):
        annotate("kcdp_caption", rows(), config)


def test_the_built_in_bank_names_no_emotion() -> None:
    sentences = bank_sentences("")
    words = {word for sentence in sentences for word in re.findall(r"[a-z]+", sentence.lower())}
    classes = {name for space in load_registry().label_spaces for name in space.classes}
    # ArtEmis has a class "something else", which names no emotion.
    labels = {word for name in classes - {"something else"} for word in name.split()}
    assert {"anger", "disgust", "fear", "joy", "sadness", "surprise", "contempt", "awe"} <= labels
    assert not words & labels
    assert not words & {"happy", "sad", "angry", "joy", "fear", "afraid", "disgusted", "surprised", "smile", "cries"}
    assert len(sentences) > 300


def test_retrieval_gives_the_texts_of_the_nearest_source_images(clip: Path) -> None:
    config = {"source": "retrieval", "retriever": str(clip), "top": 2, "size": 32}
    sources = [{"image": image, "text": f"a {i}."} for i, image in enumerate(pictures(9, 1))]
    sources[4]["text"] = " "
    targets = [{"image": image, "text": "told of the target"} for image in pictures(5, 2)]
    found = annotate("kcdp_caption", targets, config, sources=sources)

    space = ClipSpace(clip, torch.device("cpu"))
    kept = [row for row in sources if str(row["text"]).strip()]
    near = space.pictures([row["image"] for row in targets]) @ space.pictures([row["image"] for row in kept]).T
    for text, row in zip(found, near, strict=True):
        best = row.argsort(descending=True)[:2].tolist()
        assert text == " ".join(str(kept[i]["text"]) for i in best)
    assert annotate("kcdp_caption", targets[3:], config, sources=sources) == found[3:]


def test_a_source_image_is_never_given_its_own_text(clip: Path) -> None:
    config = {"source": "retrieval", "retriever": str(clip), "top": 1, "size": 32}
    drawn = pictures(6, 3)
    # The same picture three times, as in files of one data set, at first without a text.
    copies = [drawn[0].clone() for _ in range(3)]
    given = [
        (copies[0], "..."),
        *((image, f"a {i}") for i, image in enumerate(drawn)),
        (copies[1], "b"),
        (copies[2], "c"),
    ]
    sources = [{"image": image, "text": text} for image, text in given]
    found = annotate("kcdp_caption", [{"image": row["image"], "text": ""} for row in sources], config, sources=sources)
    assert found[0] == found[1] == found[7] == found[8] and found[0] not in ("a 0.", "b.", "c.", ".")
    assert all(text and text != f"{row['text']}." for text, row in zip(found, sources, strict=True))
    near = [{"image": (drawn[0].float() * 0.98).to(torch.uint8), "text": ""}]
    assert annotate("kcdp_caption", near, config, sources=sources) == ["a 0."]
    three = annotate("kcdp_caption", near, {**config, "top": 3}, sources=sources)
    assert len({part for part in str(three[0]).removesuffix(".").split(". ") if part.startswith("a ")}) == 3
    alone = annotate("kcdp_caption", [{"image": drawn[0], "text": ""}], config, sources=sources[1:2])
    assert alone == [""]


def test_retrieval_from_sources_without_texts_is_refused(clip: Path) -> None:
    config = {"source": "retrieval", "retriever": str(clip), "size": 32}
    with pytest.raises(DataError, match=r"no image of the task's sources has a text.*--import text=FILE"):
        annotate("kcdp_caption", rows(), config, sources=[{"image": PICTURES[0], "text": ""}])


def test_a_phrase_bank_belongs_to_phrases() -> None:
    with pytest.raises(ConfigError, match="a phrase bank is read with source = 'phrases', not with 'retrieval'"):
        annotate("kcdp_caption", rows(), {"source": "retrieval", "bank": "mine.txt"})


def test_emotion_words_can_be_taken_out_of_captions() -> None:
    texts = {
        "a happy man, smiling broadly.": "a man, broadly.",
        "He cries; the SAD dog on a saddle is frightened": "He; the dog on a saddle is",
        "a crystal on a madeira cake, from Amazon": "a crystal on a madeira cake, from Amazon",
        "a sad-looking dog; a tear-stained, half-smiling man": "a dog; a, man",
        "joy": "",
        "sad, angry, fearful. A man is happy. Smiling.": "A man is.",
        "Joys? The gleeful and the saddest": "The and the",
    }
    told = [{"image": PICTURES[0], "text": text} for text in texts]
    assert annotate("kcdp_caption", told, {"source": "text", "emotion_words": "mask"}) == list(texts.values())
    assert annotate("kcdp_caption", told, {"source": "text"}) == list(texts)
