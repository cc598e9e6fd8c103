"""How the options of `tgca_pvt_small` were chosen: as the recipe of the suite `emoji`, by source validation alone.

The folds are those of choose_recipe.py; no target of the suite is looked at. Prints a line for each candidate. Size,
steps and learning rate are the suite's; what was chosen with those of before has --size 48 --steps 500 --lr .002.

    python benchmarks/choose_tgca.py --runs runs/choose_tgca [--seeds 1] [--folds 4] [NAME ...]
"""

from __future__ import annotations

from typing import Any

from candidates import compare

SMALL = "tgca_pvt_small"
#: The first version of the small network: PVT's patches, and no bottleneck.
FIRST: dict[str, Any] = {
    "embedding": "patch",
    "patches": [4, 2, 1, 1],
    "widths": [32, 48, 64, 96],
    "stage_heads": [1, 2, 2, 3],
    "hidden": 0,
    "lr_multiplier": 0.5,
    "bottleneck": False,
}
CANDIDATES: dict[str, tuple[str, dict[str, Any]]] = {
    "source_only": ("source_only", {}),
    "first version": (SMALL, FIRST),
    "lr / 4": (SMALL, {"lr_multiplier": 0.25}),
    "chosen": (SMALL, {"lr_multiplier": 0.33}),
    "lr / 2": (SMALL, {}),
    "lr": (SMALL, {"lr_multiplier": 1.0}),
    "lr / 2, patches": (SMALL, {"embedding": "patch", "patches": [4, 2, 1, 1]}),
    "lr / 2, no bottleneck": (SMALL, {"bottleneck": False}),
    "lr / 2, narrower": (SMALL, {"widths": [16, 32, 64, 128]}),
    "lr / 2, stride 8": (SMALL, {"patches": [8, 1, 2, 1], "widths": [48, 48, 64, 128]}),
    "lr / 2, drop path .1": (SMALL, {"drop_path": 0.1}),
    "lr / 2, fixed": (SMALL, {"preset": "fixed"}),
}

if __name__ == "__main__":
    compare(__doc__, "runs/choose_tgca", CANDIDATES)
