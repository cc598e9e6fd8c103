"""Captions in two steps, as in KCDP++: a scene graph of the picture, then what is seen where the model looked.

Of KCDP++, the extension of KCDP, there is a figure: a model is asked for a scene graph; its attention selects boxes; a
second model is shown those regions with the graph, and describes them. Which models, which words and how boxes are
selected is not told. Here one model does both, and words and selection are ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ucdver_kcdp.captioner import Captioner, Decoding
from ucdver_kcdp.scene_graph import read_scene_graph

#: Asks for the graph, in the form of the figure.
SCENE = (
    "Describe the scene as JSON with the keys object (a list of names), attributes (a list, each with object and "
    "attribute) and relationships (a list, each with subject, relation and object). Answer with the JSON alone."
)
#: Ours: tokens of a graph.
SCENE_TOKENS = 200

#: Top, left, bottom and right of a box as shares of the picture's height and width.
Box = tuple[float, float, float, float]


class StructuredCaptioner:
    """The graph's sentences, then one description for each region.

    An answer that holds no graph is taken for the description of the scene that it is.

    Args:
        captioner: an instructed model that can be asked where it looked.
        prompt: asks for the description of a region.
        how: the decoding of the descriptions.
        regions: how many.
        share: the side of a region as a share of the picture's.
    """

    def __init__(self, captioner: Captioner, prompt: str, how: Decoding, regions: int, share: float) -> None:
        self._captioner = captioner
        self._prompt = prompt
        self._how = how
        self._scene_how = Decoding(how.beams, how.repetition_penalty, 1, SCENE_TOKENS)
        self._regions = regions
        self._share = share

    def captions(self, images: Sequence[Tensor]) -> list[str]:
        """Return one caption for each uint8 [3, H, W]."""
        answers, looked = self._captioner.write_and_look(images, [SCENE] * len(images), self._scene_how)
        parts = [[scene_text(answer)] for answer in answers]
        scenes = [f"The whole picture: {said[0]} {self._prompt}" if said[0] else self._prompt for said in parts]
        places = [boxes(attention, self._regions, self._share) for attention in looked]
        for number in range(self._regions):
            shown = [cut(image, found[number]) for image, found in zip(images, places, strict=True)]
            for said, text in zip(parts, self._captioner.write(shown, scenes, self._how), strict=True):
                said.append(text)
        return [" ".join(text for text in said if text) for said in parts]


def scene_text(answer: str) -> str:
    """Return the sentences of the graph in an answer; the answer itself where it holds none."""
    graph = read_scene_graph(answer)
    return answer.strip() if graph is None else graph.text()


def boxes(attention: Tensor, count: int, share: float) -> list[Box]:
    """Return the boxes that hold most of the attention [h, w], greedily, what one holds counting for no later one."""
    left = attention.clone()
    height, width = left.shape
    size = (max(1, math.ceil(share * height)), max(1, math.ceil(share * width)))
    found: list[Box] = []
    for _ in range(count):
        sums = F.avg_pool2d(left[None, None], size, stride=1)[0, 0]
        top, begin = divmod(int(sums.argmax()), sums.shape[1])
        bottom, end = top + size[0], begin + size[1]
        left[top:bottom, begin:end] = 0
        found.append((top / height, begin / width, bottom / height, end / width))
    return found


def cut(image: Tensor, box: Box) -> Tensor:
    """Return the region of an image [C, H, W], a pixel at least."""
    height, width = image.shape[1:]
    top, left = min(round(box[0] * height), height - 1), min(round(box[1] * width), width - 1)
    bottom, right = max(round(box[2] * height), top + 1), max(round(box[3] * width), left + 1)
    region: Tensor = image[:, top:bottom, left:right]
    return torch.clone(region)
