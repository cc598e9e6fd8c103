"""A vision-language model of transformers that is shown pictures and writes, and where it looked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ucdver import WeightsError, check_whole
from ucdver_kcdp.pictures import to_rgb

#: Classes of transformers by what a model's configuration calls itself.
_CLASSES = {
    "blip": "BlipForConditionalGeneration",
    "blip-2": "Blip2ForConditionalGeneration",
    "instructblip": "InstructBlipForConditionalGeneration",
}
#: Those that answer a question. BLIP goes on writing from a beginning.
_INSTRUCTED = ("blip-2", "instructblip")


@dataclass(frozen=True)
class Decoding:
    """How is written: beams, repetition penalty, and the least and most new tokens."""

    beams: int
    repetition_penalty: float
    min_new_tokens: int
    max_new_tokens: int


class Captioner:
    """BLIP, BLIP-2 or InstructBLIP.

    Args:
        folder: of model and processor.
        name: what the user called it.
        table: where in a suite's file it was named, for errors.
        device: where it runs.
        looks: whether `write_and_look` will be asked: attention is then computed openly, which is slower.

    Raises:
        WeightsError: it is of another kind, is not whole, or cannot be asked where it looked.
    """

    def __init__(self, folder: Path, name: str, table: str, device: torch.device, looks: bool = False) -> None:
        import transformers

        try:
            self.kind = transformers.AutoConfig.from_pretrained(folder, local_files_only=True).model_type
            if self.kind not in _CLASSES:
                raise WeightsError(
                    f"'{name}' is a {self.kind} model, and captions are asked of {', '.join(_CLASSES)}",
                    f"name another in {table}",
                )
            if looks and not self.is_instructed:
                raise WeightsError(
                    f"'{name}' is a {self.kind} model, which follows no instruction; structured captions need one",
                    f"name a model of {' or '.join(_INSTRUCTED)} in {table}",
                )
            made = getattr(transformers, _CLASSES[self.kind])
            attention = {"attn_implementation": "eager"} if looks else {}
            model, report = made.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True, **attention
            )
            processor: Any = transformers.AutoProcessor
            self._processor = processor.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            first_line = str(error).strip().partition("\n")[0]
            raise WeightsError(f"'{name}' cannot be loaded: {first_line}", "name a whole model folder") from error
        check_whole(folder, f"a {self.kind} model", report)
        self._model: Any = model.to(device).eval()
        self._device = device
        # A language model without an encoder goes on from the end of its prompt, so the padding must come before it.
        self._continues = self.is_instructed and not self._model.config.text_config.is_encoder_decoder
        if self._continues:
            self._processor.tokenizer.padding_side = "left"

    @property
    def is_instructed(self) -> bool:
        """Whether it answers a question."""
        return self.kind in _INSTRUCTED

    def write(self, images: Sequence[Tensor], prompts: Sequence[str], how: Decoding) -> list[str]:
        """Return one text for each uint8 [3, H, W] and its prompt; empty prompts ask nothing."""
        read = self._read(images, prompts)
        written = self._model.generate(
            **read,
            num_beams=how.beams,
            repetition_penalty=how.repetition_penalty,
            min_new_tokens=how.min_new_tokens,
            max_new_tokens=how.max_new_tokens,
            do_sample=False,
        )
        if self._continues:
            written = written[:, read["input_ids"].shape[1] :]
        texts = self._processor.batch_decode(written, skip_special_tokens=True)
        return [text.removeprefix(prompt.lower()).strip() for text, prompt in zip(texts, prompts, strict=True)]

    def write_and_look(
        self, images: Sequence[Tensor], prompts: Sequence[str], how: Decoding
    ) -> tuple[list[str], Tensor]:
        """Return what `write` does, and where the Q-Former's queries looked meanwhile, [B, h, w] over patches.

        The mean over its layers, heads and queries; those of InstructBLIP have read the prompt. A map sums to less than
        one: what goes to the class token, which is nowhere, is left out.
        """
        layers: list[Tensor] = []

        def keep(module: torch.nn.Module, inputs: object, output: tuple[Tensor, Tensor]) -> None:
            layers.append(output[1].float().mean((1, 2)))

        # What the model returns of its Q-Former differs from class to class; its layers do not.
        modules = self._model.qformer.named_modules()
        hooks = [m.register_forward_hook(keep) for name, m in modules if name.endswith(".crossattention.attention")]
        try:
            texts = self.write(images, prompts, how)
        finally:
            for hook in hooks:
                hook.remove()
        patches = torch.stack(layers).mean(0)[:, 1:]
        side = round(patches.shape[1] ** 0.5)
        return texts, patches.reshape(-1, side, side).cpu()

    def _read(self, images: Sequence[Tensor], prompts: Sequence[str]) -> Any:
        asked = {"text": list(prompts), "truncation": True} if any(prompts) else {}
        pictures = [to_rgb(image) for image in images]
        return self._processor(images=pictures, return_tensors="pt", padding=True, **asked).to(self._device)
