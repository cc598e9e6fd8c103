"""A CLIP is read as its users wrote it, prepares pictures as it was trained, and says what lacks in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.tiny_bert import write_bert
from support.tiny_clip import MEAN, SIZE, STD, write_clip
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

from ucdver import SpecError, WeightsError
from ucdver_vlm.class_names import ClassNames
from ucdver_vlm.clip import load_clip
from ucdver_vlm.model_files import clip_sha256

TEXTS = ["a photo of joy.", "fear", "a photo that evokes some other feeling, 7"]


@pytest.fixture
def copy(clip: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clip, tmp_path / "copy"))


def embedding(found: object) -> torch.Tensor:
    """Return the projected embedding, which newer versions of transformers wrap."""
    return found if isinstance(found, torch.Tensor) else found.pooler_output  # type: ignore[attr-defined]


def test_texts_are_embedded_as_transformers_does_and_apart_from_each_other(clip: Path) -> None:
    model, tokenizer = CLIPModel.from_pretrained(clip), CLIPTokenizer.from_pretrained(clip)
    read = tokenizer(TEXTS, padding="max_length", max_length=77, return_tensors="pt")
    expected = torch.nn.functional.normalize(embedding(model.get_text_features(**read)), dim=1)
    texts = load_clip(str(clip)).texts
    assert torch.allclose(texts.encode(TEXTS), expected, atol=1e-5)
    assert torch.allclose(texts.encode(TEXTS[1:2]), expected[1:2], atol=1e-5)


def test_prompts_put_together_of_vectors_are_those_of_their_tokens(clip: Path) -> None:
    texts = load_clip(str(clip)).texts
    names = ClassNames(texts, ["joy", "surprise"], context=2)
    (context, _) = texts.words(["ab"])
    vectors, ends = names(context[:, 1:3])
    found = texts(vectors, ends)
    # "ab" is the tokens "a" and "b</w>", which "ab joy." begins with too.
    assert torch.allclose(found, texts.encode(["ab joy.", "ab surprise."]), atol=1e-5)
    each = context[:, 1:3].unsqueeze(1).expand(-1, 2, -1, -1)
    assert torch.equal(names(each)[0], vectors)


def test_pictures_are_prepared_as_the_models_own_processor_does(clip: Path) -> None:
    rng = np.random.Generator(np.random.Philox(3))
    tower = load_clip(str(clip)).images
    assert tower.mean.ravel().tolist() == pytest.approx(MEAN)
    assert tower.std.ravel().tolist() == pytest.approx(STD)
    processor = CLIPImageProcessor.from_pretrained(clip)
    for side in (SIZE, 60):
        # Noise, which every other way of resizing would show, and far from black and white, where bytes are cut off.
        pixels = rng.integers(64, 192, (side, side, 3), dtype=np.uint8)
        expected = processor(images=Image.fromarray(pixels), return_tensors="pt")["pixel_values"]
        images = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        # The processor rounds to bytes while it resizes one side after the other, which may cost two of them.
        bytes_off = ((tower.prepare(images) - expected) * tower.std * 255).abs()
        assert bytes_off.max() < (1e-3 if side == SIZE else 2)
        assert bytes_off.mean() < 0.5


def test_grey_pictures_are_read_in_three_equal_channels(clip: Path) -> None:
    tower = load_clip(str(clip)).images
    grey = torch.rand(2, 1, SIZE, SIZE)
    assert torch.equal(tower(grey), tower(grey.expand(-1, 3, -1, -1)))


def test_image_embeddings_and_layers_are_those_of_transformers(clip: Path) -> None:
    model, tower = CLIPModel.from_pretrained(clip).eval(), load_clip(str(clip)).images
    images = torch.rand(3, 3, SIZE, SIZE)
    expected = torch.nn.functional.normalize(embedding(model.get_image_features(tower.prepare(images))), dim=1)
    found, layers = tower.layers(images)
    assert torch.allclose(found, expected, atol=1e-5)
    assert torch.equal(tower(images), found)
    assert layers.shape == (3, tower.depth, (SIZE // 8) ** 2 + 1, tower.hidden)
    last = model.vision_model(tower.prepare(images)).last_hidden_state
    assert torch.allclose(layers[:, -1], last, atol=1e-5)


def test_a_prompt_that_is_too_long_is_refused_in_words(clip: Path) -> None:
    texts = load_clip(str(clip)).texts
    with pytest.raises(SpecError, match="has more than 77 tokens; shorten it"):
        texts.encode(["a" * 90])
    with pytest.raises(SpecError, match="prompts of 85 tokens do not fit the 77 places"):
        ClassNames(texts, ["joy"], context=79)


def test_the_hash_is_of_all_that_is_read(clip: Path, copy: Path) -> None:
    whole = clip_sha256(str(clip), fetch=False)
    assert whole == clip_sha256(str(copy), fetch=True)
    (copy / "README.md").write_text("not read")
    assert whole == clip_sha256(str(copy), fetch=False)
    processor = json.loads((copy / "preprocessor_config.json").read_text())
    (copy / "preprocessor_config.json").write_text(json.dumps({**processor, "image_mean": [0.5, 0.5, 0.5]}))
    assert whole != clip_sha256(str(copy), fetch=False)
    assert clip_sha256(str(write_clip(copy, seed=1)), fetch=False) != whole


def test_a_name_that_is_neither_a_folder_nor_on_the_hub_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    name = "nobody/no-such-clip"
    assert clip_sha256(name, fetch=False) == ""
    for call in (lambda: load_clip(name, fetch=False), lambda: load_clip("no such name!", fetch=False)):
        with pytest.raises(WeightsError) as caught:
            call()
        assert "could not be fetched" in str(caught.value)
        assert "--set METHOD.model=/its/folder" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds a model of type 'bert', not 'clip'"):
        load_clip(str(write_bert(tmp_path)))
    with pytest.raises(WeightsError, match=r"holds no config\.json that can be read"):
        load_clip(str(tmp_path / ".."))


@pytest.mark.parametrize(
    ("absent", "problem"),
    [
        ("model.safetensors", "holds no weights as safetensors"),
        ("preprocessor_config.json", "cannot be loaded as a CLIP"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused_in_one_line(copy: Path, absent: str, problem: str) -> None:
    (copy / absent).unlink()
    with pytest.raises(WeightsError, match=problem) as caught:
        load_clip(str(copy))
    assert "\n" not in str(caught.value)


def test_pickled_weights_are_not_read(copy: Path) -> None:
    torch.save(CLIPModel.from_pretrained(copy).state_dict(), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="holds no weights as safetensors"):
        load_clip(str(copy))


def test_a_checkpoint_that_leaves_weights_at_random_is_refused(copy: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = copy / "model.safetensors"
    state = load_file(path)
    del state["visual_projection.weight"]
    save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"lacks 'visual_projection\.weight' of a CLIP \(1 weight\)"):
        load_clip(str(copy))
