"""How the options of `kcdp_small` were chosen: as the recipe of the suite `emoji`, by source validation alone.

The folds are those of choose_recipe.py; no target of the suite is looked at. Prints a line for each candidate. Size,
steps and learning rate are the suite's; what was chosen with those of before has --size 48 --steps 500 --lr .002.

    python benchmarks/choose_kcdp.py --runs runs/choose_kcdp [--seeds 1] [--folds 4] [NAME ...]
"""

from __future__ import annotations

from typing import Any

from candidates import compare

#: What the default was first: features averaged over all of the picture, and a target loss that doubts less.
FIRST: dict[str, Any] = {
    "grid": 1,
    "neck": 32,
    "confidence": 0.5,
    "class_balance": 3.0,
    "warmup": 0.2,
    "target": 1.0,
}
#: What it was before `warmup` and `target` were chosen.
SECOND: dict[str, Any] = {"warmup": 0.2, "target": 1.0}
#: The features averaged in four times four cells, at the price of half of the neck.
GRID: dict[str, Any] = {**FIRST, "grid": 4, "neck": 16}
CANDIDATES: dict[str, tuple[str, dict[str, Any]]] = {
    "source_only": ("source_only", {}),
    "chosen": ("kcdp_small", {}),
    "first version": ("kcdp_small", FIRST),
    "pool mean": ("kcdp_small", {**FIRST, "pool": "mean"}),
    "LoRA": ("kcdp_small", {**FIRST, "mode": "lora"}),
    "full": ("kcdp_small", {**FIRST, "mode": "full"}),
    "no alignment": ("kcdp_small", {**FIRST, "alignment": "none"}),
    "no alignment, no text": ("kcdp_small", {**FIRST, "alignment": "none", "moe_text": "none"}),
    "no alignment, linear": ("kcdp_small", {**FIRST, "alignment": "none", "head": "linear"}),
    "no knowledge": ("kcdp_small", {**FIRST, "knowledge": "none"}),
    "no text": ("kcdp_small", {**FIRST, "moe_text": "none"}),
    "no target loss": ("kcdp_small", {**FIRST, "warmup": 1.0}),
    "grid 2": ("kcdp_small", {**FIRST, "grid": 2, "neck": 32}),
    "grid 4": ("kcdp_small", {**FIRST, "grid": 4, "neck": 32}),
    "second": ("kcdp_small", SECOND),
    "second, grid 4": ("kcdp_small", {**SECOND, "grid": 4, "neck": 16}),
    "chosen, no target loss": ("kcdp_small", {"warmup": 1.0}),
    # One change of the second each: of pseudo-labels, of the weights of losses, of widths.
    "teacher .9": ("kcdp_small", {**SECOND, "teacher": 0.9}),
    "teacher .95": ("kcdp_small", {**SECOND, "teacher": 0.95}),
    "no teacher": ("kcdp_small", {**SECOND, "teacher": 0.0}),
    "warmup .5": ("kcdp_small", {**SECOND, "warmup": 0.5}),
    "target .3": ("kcdp_small", {**SECOND, "target": 0.3}),
    "target .1": ("kcdp_small", {**SECOND, "target": 0.1}),
    "target .1, contrastive .3": ("kcdp_small", {**SECOND, "target": 0.1, "contrastive": 0.3}),
    "contrastive .3": ("kcdp_small", {**SECOND, "contrastive": 0.3}),
    "neck 16": ("kcdp_small", {**SECOND, "neck": 16}),
    "hidden 256": ("kcdp_small", {**SECOND, "hidden": 256}),
    "linear head": ("kcdp_small", {**SECOND, "head": "linear"}),
    "grid 4, narrow": ("kcdp_small", GRID),
    "grid 8, narrow": ("kcdp_small", {**FIRST, "grid": 8, "neck": 8}),
    "grid 4, narrow, no target loss": ("kcdp_small", {**GRID, "warmup": 1.0}),
    "grid 4, narrow, no text": ("kcdp_small", {**GRID, "moe_text": "none"}),
    "grid 4, narrow, neither": ("kcdp_small", {**GRID, "alignment": "none", "moe_text": "none"}),
}

if __name__ == "__main__":
    compare(__doc__, "runs/choose_kcdp", CANDIDATES)
