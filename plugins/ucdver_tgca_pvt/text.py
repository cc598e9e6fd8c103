"""The text on a picture as hidden states of a frozen BERT."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

from ucdver import (
    Annotator,
    AnnotatorConfig,
    Item,
    WeightsError,
    check_whole,
    folder_sha256,
    model_folder,
    quiet_loading,
    sha256_if_here,
)

#: Whose mean is taken: the last four hidden states, as released.
LAYERS = 4
#: What is read of a model's folder; weights as safetensors alone, which cannot hold code.
FILES = (
    "config.json",
    "*.safetensors",
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
)


class BertTokens(Annotator):
    """The mean of BERT's last four hidden states at each of `length` word pieces: [length, width], float16.

    The text is lower-cased and cut to `length` word pieces, [CLS] and [SEP] among them. Shorter texts are padded; BERT
    attends to no padding, but its positions are kept, as in the release. The model is frozen.

    Paper: Devlin et al., BERT, NAACL 2019.
    """

    class Config(AnnotatorConfig):
        """`model` is a folder written by `save_pretrained`, or a name on the hub; `length` is in word pieces."""

        model: str = "google-bert/bert-base-uncased"
        length: int = Field(default=30, ge=2, le=512)

    dtype = "float16"
    batch_size = 64
    config: Config

    def __init__(self, config: Config, device: torch.device) -> None:
        super().__init__(config, device)
        folder = _folder(config.model, fetch=True)
        try:
            with quiet_loading():
                self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
                self.model, report = AutoModel.from_pretrained(
                    folder, local_files_only=True, use_safetensors=True, output_loading_info=True
                )
        except (OSError, ValueError) as error:
            first_line = str(error).partition("\n")[0]
            raise WeightsError(
                f"'{config.model}' cannot be loaded as a BERT: {first_line}",
                "name a folder that save_pretrained wrote, with its tokenizer",
            ) from error
        # The pooler's output is not read, and some checkpoints have none.
        check_whole(folder, "a BERT", report, unused=("pooler.",))
        self.model.float().to(device).eval()

    @classmethod
    def weights_sha256(cls, config: Config, *, fetch: bool) -> str:
        """Return the sha256 of all files that are read, names included; empty where they are not here yet."""
        return sha256_if_here(lambda: folder_sha256(_folder(config.model, fetch=fetch), FILES), fetch=fetch)

    def annotate(self, items: Sequence[Item]) -> Tensor:
        """Return float32 [n, length, width] for the texts of n items."""
        encoded = self.tokenizer(
            [item.text.lower() for item in items],
            padding="max_length",
            truncation=True,
            max_length=self.config.length,
            return_tensors="pt",
        ).to(self.device)
        states = self.model(**encoded, output_hidden_states=True).hidden_states
        mean: Tensor = torch.stack(states[-LAYERS:]).mean(0)
        return mean.float()


def _folder(name: str, *, fetch: bool) -> Path:
    """Return the folder of a BERT; a WeightsError where there is none, or one without a config.json."""
    found = model_folder(
        name, FILES, 'download it and set model = "/its/folder" in [annotator.bert_tokens]', fetch=fetch
    )
    if not (found / "config.json").is_file():
        raise WeightsError(f"'{found}' holds no config.json", "name a folder that save_pretrained wrote")
    return found
