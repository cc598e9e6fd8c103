"""Captions: what a vision-language model says of an image, or where else its words come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from ucdver import Annotator, AnnotatorConfig, ImageRecipe, Item, WeightsError, folder_sha256, sha256_if_here
from ucdver_kcdp.model_files import model_folder
from ucdver_kcdp.retrieval import CaptionRetriever

CAPTIONER = "Salesforce/blip-image-captioning-large"
#: What the paper's release used: 16 GB of weights.
RELEASED_CAPTIONER = "Salesforce/instructblip-flan-t5-xl"
RETRIEVER = "openai/clip-vit-base-patch32"
FILES = ("*.json", "*.safetensors", "merges.txt", "vocab.txt", "*.model")

#: Asks for what is to be seen. A captioner without instructions (BLIP) is asked nothing.
NEUTRAL = "Describe in one sentence who or what is shown in the picture, and what they do."
#: Asks for the three things that the release asks for, in words of our own. Its answers often name the emotion, so the
#: "knowledge" then holds a zero-shot prediction: show the captioner alone beside any result got with it.
EMOTION = (
    "What is the subject of the picture? What are its facial expression and its body movement? What does the picture "
    "mean emotionally? Answer with one descriptive sentence."
)
_PROMPTS = {"neutral": NEUTRAL, "emotion": EMOTION}

#: Classes of transformers by what a model's configuration calls itself.
_CLASSES = {
    "blip": "BlipForConditionalGeneration",
    "blip-2": "Blip2ForConditionalGeneration",
    "instructblip": "InstructBlipForConditionalGeneration",
}


class Captions(Annotator):
    """One caption an image."""

    class Config(AnnotatorConfig):
        """Where captions come from, and how.

        `source`: a captioning `model` (BLIP, BLIP-2 or InstructBLIP: a folder or a hub name); `retrieval`: the
        sentences of a phrase bank that CLIP finds most similar; `text`: the text that the data set has. Captions made
        elsewhere are imported for `kcdp_caption` and then nothing here is asked. `prompt`: `neutral`, `emotion` (as the
        release asks), or a text of your own. `size`: the side of the pictures that are read, in pixels. The decoding's
        defaults are the release's: beams, repetition penalty, 30 to 50 new tokens. `bank`: a text file, a sentence a
        line, in place of the built-in one; `top`: how many sentences make a caption.
        """

        source: Literal["model", "retrieval", "text"] = "model"
        model: str = CAPTIONER
        prompt: str = "neutral"
        size: int = Field(default=384, ge=32, le=1024)
        beams: int = Field(default=5, ge=1)
        repetition_penalty: float = Field(default=5.0, ge=1)
        min_new_tokens: int = Field(default=30, ge=0)
        max_new_tokens: int = Field(default=50, ge=1)
        retriever: str = RETRIEVER
        bank: str = ""
        top: int = Field(default=3, ge=1)

    # As the release.
    batch_size = 16
    config: Config

    def __init__(self, config: Config, device: torch.device) -> None:
        super().__init__(config, device)
        self._captioner: _Captioner | CaptionRetriever | None = None
        if config.source == "model":
            self._captioner = _Captioner(config, device)
        elif config.source == "retrieval":
            folder = model_folder(config.retriever, FILES, "'retriever' in [annotator.kcdp_caption]", fetch=True)
            self._captioner = CaptionRetriever(folder, config.bank, config.top, device)

    @classmethod
    def weights_sha256(cls, config: Config, *, fetch: bool) -> str:
        """Return the hash of the model that is asked, and of the phrase bank; empty for the data set's own text."""
        if config.source == "text":
            return ""
        name = config.model if config.source == "model" else config.retriever

        def compute() -> str:
            own = folder_sha256(model_folder(name, FILES, "'model' in [annotator.kcdp_caption]", fetch=fetch), FILES)
            return own if config.source == "model" else CaptionRetriever.sha256(own, config.bank)

        return sha256_if_here(compute, fetch=fetch)

    @classmethod
    def image_recipe(cls, config: Config, suite: ImageRecipe) -> ImageRecipe:
        """Return the suite's drawing, at the captioner's size and in colour; the suite's own where no model looks."""
        if config.source == "text":
            return suite
        return suite.model_copy(update={"size": config.size, "channels": 3})

    def annotate(self, items: Sequence[Item]) -> list[str]:
        """Return one caption an item."""
        if self._captioner is None:
            return [item.text for item in items]
        return self._captioner.captions([item.image for item in items])


class _Captioner:
    """A captioning model of transformers."""

    def __init__(self, config: Captions.Config, device: torch.device) -> None:
        import transformers

        folder = model_folder(config.model, FILES, "'model' in [annotator.kcdp_caption]", fetch=True)
        try:
            kind = transformers.AutoConfig.from_pretrained(folder, local_files_only=True).model_type
            if kind not in _CLASSES:
                raise WeightsError(
                    f"'{config.model}' is a {kind} model, and captions are asked of {', '.join(_CLASSES)}",
                    "name another in [annotator.kcdp_caption]",
                )
            made = getattr(transformers, _CLASSES[kind])
            model = made.from_pretrained(folder, local_files_only=True, use_safetensors=True)
            processor: Any = transformers.AutoProcessor
            self._processor = processor.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            first_line = str(error).strip().partition("\n")[0]
            raise WeightsError(
                f"'{config.model}' cannot be loaded: {first_line}", "name a whole model folder"
            ) from error
        self._model: Any = model.to(device).eval()
        self._device = device
        self._config = config
        # BLIP is no instructed model: a prompt is the beginning of what it writes, so the neutral question is left out.
        self._prompt = (
            "" if kind == "blip" and config.prompt == "neutral" else _PROMPTS.get(config.prompt, config.prompt)
        )

    def captions(self, images: Sequence[Tensor]) -> list[str]:
        """Return one caption for each uint8 [3, H, W]."""
        asked = {"text": [self._prompt] * len(images)} if self._prompt else {}
        read = self._processor(
            images=[image.permute(1, 2, 0).numpy() for image in images], return_tensors="pt", padding=True, **asked
        ).to(self._device)
        config = self._config
        written = self._model.generate(
            **read,
            num_beams=config.beams,
            repetition_penalty=config.repetition_penalty,
            min_new_tokens=config.min_new_tokens,
            max_new_tokens=config.max_new_tokens,
            do_sample=False,
        )
        texts = self._processor.batch_decode(written, skip_special_tokens=True)
        return [text.removeprefix(self._prompt.lower()).strip() for text in texts]
