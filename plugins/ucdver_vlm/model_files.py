"""Where the files of a CLIP lie, and the hash that stands for them in a run's key."""

from __future__ import annotations

import json
from pathlib import Path

from ucdver import WeightsError, folder_sha256, model_folder, sha256_if_here

#: What is read of a model's folder; of the hub's copy nothing else is downloaded. Weights as safetensors alone, which
#: cannot hold code.
FILES = (
    "config.json",
    "model.safetensors",
    "model-*.safetensors",
    "model.safetensors.index.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
)
WHOLE = "name a folder with model, tokenizer and image processor, as save_pretrained writes them"


def clip_folder(name: str, *, fetch: bool) -> Path:
    """Return the folder of a CLIP: the one named, or the hub's in the local cache, fetched where that is asked for.

    Args:
        name: a folder, or a name on the hub, as "owner/model".
        fetch: whether it may be downloaded.

    Raises:
        WeightsError: there is none, it cannot be fetched, or it is not a CLIP with weights as safetensors.
    """
    folder = model_folder(name, FILES, "download it and type --set METHOD.model=/its/folder", fetch=fetch)
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(f"'{folder}' holds no config.json that can be read", WHOLE) from error
    # Transformers would load another model's weights as a CLIP of random ones, with a warning.
    if kind != "clip":
        raise WeightsError(f"'{folder}' holds a model of type '{kind}', not 'clip'", WHOLE)
    if not any(folder.glob("model*.safetensors")):
        raise WeightsError(f"'{folder}' holds no weights as safetensors", f"load the model and save it anew: {WHOLE}")
    return folder


def clip_sha256(name: str, *, fetch: bool) -> str:
    """Return one sha256 for all files that are read, names included; empty where they are absent and not fetched.

    Raises:
        WeightsError: with `fetch`, they cannot be had.
    """
    return sha256_if_here(lambda: folder_sha256(clip_folder(name, fetch=fetch), FILES), fetch=fetch)
