"""The names of the reference vectors' parameters, as the parts here are called."""

from __future__ import annotations

import re

from torch import Tensor

_STAGE = re.compile(r"vision_model\.(cls_token|local_proj|global_proj|conv)(\d)(\..+)?")
_GATE = re.compile(r"vision_model\.patch_embed(\d)\.fft\.(.+)")
_PARTS = {"cls_token": "class_token", "local_proj": "local_proj", "global_proj": "global_proj", "conv": "context"}


def diagonals(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Keep of the frequency gates' matrices what the published product uses, and drop empty layers."""
    kept = {}
    for name, value in state.items():
        if re.search(r"(^|\.)[ri]$", name):
            kept[name] = value.diagonal()
        elif value.numel():
            kept[name] = value
    return kept


def split(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Return the parameters of the pyramid, of the network around it and of the head, each under its name here."""
    pyramid: dict[str, Tensor] = {}
    network: dict[str, Tensor] = {}
    head: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if not name.startswith("w."):
            continue
        key = name.removeprefix("w.")
        stage, gate = _STAGE.fullmatch(key), _GATE.fullmatch(key)
        if stage:
            middle = ".conv" if stage[1] == "conv" else ""
            network[f"{_PARTS[stage[1]]}.stage{stage[2]}{middle}{stage[3] or ''}"] = value
        elif gate:
            network[f"gate.stage{gate[1]}.{gate[2]}"] = value
        elif key.startswith("vision_model."):
            pyramid[key.removeprefix("vision_model.")] = value
        elif key.startswith("head."):
            head[key.removeprefix("head.")] = value
        elif key.startswith("fusion_model.attn.norm."):
            continue
        else:
            key = key.replace("fusion_model.attn.conv", "fusion.attn.context.conv").replace("fusion_model", "fusion")
            network["position" if key == "pos_embed" else key] = value
    return pyramid, diagonals(network), head
