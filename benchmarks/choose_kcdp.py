"""How the options of `kcdp_small` were chosen: as the recipe of the suite `emoji`, by source validation alone.

The folds are those of choose_recipe.py; no target of the suite is looked at. Prints a line for each candidate. Size,
steps and learning rate are the suite's; what was chosen with those of before has --size 48 --steps 500 --lr .002.

    python benchmarks/choose_kcdp.py --runs runs/choose_kcdp [--seeds 1] [--folds 4] [NAME ...]
"""

from __future__ import annotations

from typing import Any

from candidates import compare

CANDIDATES: dict[str, tuple[str, dict[str, Any]]] = {
    "source_only": ("source_only", {}),
    "kcdp_small": ("kcdp_small", {}),
    "pool mean": ("kcdp_small", {"pool": "mean"}),
    "LoRA": ("kcdp_small", {"mode": "lora"}),
    "full": ("kcdp_small", {"mode": "full"}),
    "no alignment": ("kcdp_small", {"alignment": "none"}),
    "no alignment, no text": ("kcdp_small", {"alignment": "none", "moe_text": "none"}),
    "no alignment, linear": ("kcdp_small", {"alignment": "none", "head": "linear"}),
    "no knowledge": ("kcdp_small", {"knowledge": "none"}),
    "no text": ("kcdp_small", {"moe_text": "none"}),
    "no target loss": ("kcdp_small", {"warmup": 1.0}),
}

if __name__ == "__main__":
    compare(__doc__, "runs/choose_kcdp", CANDIDATES)
