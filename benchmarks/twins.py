"""How often two icon sets draw a concept alike: the nearest picture of a source, by its edges alone, shows it too.

python benchmarks/twins.py FOLDER      where FOLDER is what `ucdver data fetch emoji` made
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ucdver import ImageRecipe, Task
from ucdver_emotion.draw import loader
from ucdver_emotion.tasks.emoji import EMOJI_TASKS

SIZE = 64


def edges(root: Path, domain: str) -> dict[str, NDArray[np.float64]]:
    """Return the blurred strength of edges of each picture of a set, by the name of its file."""
    draw, recipe = loader(root), ImageRecipe(size=SIZE)
    found = {}
    for path in sorted((root / domain).iterdir()):
        grey = draw(f"{domain}/{path.name}", recipe).convert("L").filter(ImageFilter.GaussianBlur(1))
        strength = np.hypot(*np.gradient(np.asarray(grey, dtype=np.float64)))
        blurred = Image.fromarray(np.clip(2 * strength, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.5))
        found[path.stem] = np.asarray(blurred, dtype=np.float64).ravel()
    centre = np.mean(list(found.values()), axis=0)
    return {name: (values - centre) / np.linalg.norm(values - centre) for name, values in found.items()}


def alike(source: dict[str, NDArray[np.float64]], target: dict[str, NDArray[np.float64]]) -> tuple[int, int]:
    """Return how many concepts of the target have their own as the nearest in the source, of how many both draw."""
    names, drawn = list(source), np.array(list(source.values()))
    both = [name for name in target if name in source]
    return sum(names[int((drawn @ target[name]).argmax())] == name for name in both), len(both)


def lines(root: Path, tasks: tuple[Task, ...]) -> list[str]:
    """Return one line a task: of each source how many drawings are nearest to their own concept."""
    known: dict[str, dict[str, NDArray[np.float64]]] = {}
    for domain in sorted({str(d.name) for task in tasks for d in (*task.sources, *task.targets)}):
        known[domain] = edges(root, domain)
    told = []
    for task in tasks:
        (target,) = (domain.name for domain in task.targets)
        pairs = ((domain.name, *alike(known[domain.name], known[target])) for domain in task.sources)
        told.append(f"{task.id}: " + ", ".join(f"{name} {hits} of {both}" for name, hits, both in pairs))
    return told


if __name__ == "__main__":
    print("\n".join(lines(Path(sys.argv[1]), EMOJI_TASKS)))
