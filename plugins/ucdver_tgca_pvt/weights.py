"""The names of public PVT v1 checkpoints: the authors' own, and those of transformers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ucdver import load_state, read_weights
from ucdver_tgca_pvt.pvt import PyramidVisionTransformer

#: A block's parts in transformers, but for its keys and values, which are apart there.
_PARTS = {
    "layer_norm_1": "norm1",
    "layer_norm_2": "norm2",
    "attention.self.query": "attn.q",
    "attention.self.sequence_reduction": "attn.sr",
    "attention.self.layer_norm": "attn.norm",
    "attention.output.dense": "attn.proj",
    "mlp.dense1": "mlp.fc1",
    "mlp.dense2": "mlp.fc2",
}
_BLOCK = re.compile(r"encoder\.block\.(\d+)\.(\d+)\.(.+)\.(weight|bias)")
_PATCH = re.compile(r"encoder\.patch_embeddings\.(\d+)\.(.+)")
_EMBED = {
    "projection.weight": "proj.weight",
    "projection.bias": "proj.bias",
    "layer_norm.weight": "norm.weight",
    "layer_norm.bias": "norm.bias",
}


def load_pyramid(body: PyramidVisionTransformer, path: Path) -> None:
    """Load the checkpoint at `path` into `body`; every key must fit, but for the classifier, which is left out.

    A file that is absent, damaged, or fits neither naming is a WeightsError.
    """
    load_state(body, published_names(read_weights(path)), path, drop=("head", "classifier"))


def published_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a checkpoint under the authors' names, as in `pvt_small.pth`, renamed where it has those of transformers.

    A key that neither naming knows keeps its own, to be refused.
    """
    renamed: dict[str, Tensor] = {}
    pairs: dict[str, dict[str, Tensor]] = {}
    for full, value in state.items():
        key = full.removeprefix("pvt.")
        block, patch = _BLOCK.fullmatch(key), _PATCH.fullmatch(key)
        if block and block[3] in ("attention.self.key", "attention.self.value"):
            target = f"block{int(block[1]) + 1}.{block[2]}.attn.kv.{block[4]}"
            pairs.setdefault(target, {})[block[3]] = value
        elif block:
            renamed[f"block{int(block[1]) + 1}.{block[2]}.{_PARTS.get(block[3], block[3])}.{block[4]}"] = value
        elif patch:
            renamed[_embedding(int(patch[1]) + 1, patch[2])] = value
        else:
            renamed[key.replace("encoder.layer_norm.", "norm.")] = value
    # The authors keep keys and values in one layer, keys first.
    for target, pair in pairs.items():
        renamed[target] = torch.cat([pair[part] for part in sorted(pair)])
    return renamed


def _embedding(label: int, part: str) -> str:
    if part == "position_embeddings":
        return f"pos_embed{label}"
    if part == "cls_token":
        return "cls_token"
    return f"patch_embed{label}.{_EMBED.get(part, part)}"
