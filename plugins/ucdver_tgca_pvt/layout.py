"""What a token network is made of, and the presets: as released, or with the release's slips mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ucdver_tgca_pvt.pyramids import Pyramid

Preset = Literal["faithful", "fixed"]
Gate = Literal["none", "diag", "full"]
Pool = Literal["none", "selected", "map"]

#: Over the width of the last stage: 768 over 512, BERT's width over PVT's.
HIDDEN_RATIO = 1.5
#: Width of a head in the fusion block: 768 over 12.
HEAD_WIDTH = 64
#: Hidden width of the fusion block's MLP over its own: 3072 over 768.
MLP_RATIO = 4


@dataclass(frozen=True)
class Switches:
    """Where the released code differs from its paper or from what it evidently meant.

    Attributes:
        fla: frequency gate before each stage; `diag` in the code, `full` in the paper.
        gate_min_width: least width inside the gate's squeeze and excitation; 0 in the code, where three channels
            over 16 round to nothing and the gate of a picture is one half.
        lera: what the maximum is taken over that is added to the chosen tokens: the chosen in the code, the whole map
            in the paper's figure.
        reverse_tokens: the code reverses the whole block of local tokens; else stages are reversed and tokens
            within a stage stay in the order of their scores.
        share_position: the class tokens of the first three stages use the position embedding of patch 0, for want
            of a slot; else each has a slot of its own.
        decay_tokens: class tokens and position embeddings are subject to weight decay, since the released wrapper
            names none that is not.
    """

    fla: Gate
    gate_min_width: int
    lera: Pool
    reverse_tokens: bool
    share_position: bool
    decay_tokens: bool


PRESETS: dict[Preset, Switches] = {
    "faithful": Switches("diag", 0, "selected", reverse_tokens=True, share_position=True, decay_tokens=True),
    "fixed": Switches("full", 1, "map", reverse_tokens=False, share_position=False, decay_tokens=False),
}


@dataclass(frozen=True)
class Layout:
    """A token network in numbers.

    Attributes:
        switches: see `Switches`; LORA has `fla` and `lera` at `none`.
        topics: whether the topic modules are there, in the stages and in the fusion block.
        alpha: tokens that a head chooses, over the number of patches that share a key in its stage.
        local_stages: which of the first three stages give tokens; the fourth always does.
        hidden: width of the fusion block; 0 is 1.5 times the width of the last stage.
        heads: of the fusion block; 0 is one for every 64 units.
        mlp: hidden width of the fusion block's MLP; 0 is four times its width.
        dropout: in that MLP.
        text: tokens and width of the text, as of one picture; None without text.
        recompute: compute a block's activations again in the backward pass, to save memory.
    """

    switches: Switches
    topics: bool
    alpha: int = 8
    local_stages: tuple[bool, bool, bool] = (True, True, True)
    hidden: int = 0
    heads: int = 0
    mlp: int = 0
    dropout: float = 0.1
    text: tuple[int, int] | None = None
    recompute: bool = False

    def fusion_width(self, pyramid: Pyramid) -> int:
        """Return the width of the fusion block."""
        return self.hidden or round(HIDDEN_RATIO * pyramid.widths[-1])

    def fusion_heads(self, pyramid: Pyramid) -> int:
        """Return how many heads it has, a divisor of its width."""
        if self.heads:
            return self.heads
        width = self.fusion_width(pyramid)
        return next(n for n in range(max(1, width // HEAD_WIDTH), 0, -1) if width % n == 0)

    def fusion_mlp(self, pyramid: Pyramid) -> int:
        """Return the hidden width of its MLP."""
        return self.mlp or MLP_RATIO * self.fusion_width(pyramid)

    def stages(self) -> tuple[int, ...]:
        """Return the stages, 0 to 3, that give a global token and local ones."""
        return (*(i for i, given in enumerate(self.local_stages) if given), 3)

    def count(self, pyramid: Pyramid, stage: int) -> int:
        """Return how many tokens each head of a stage chooses: alpha for each patch that shares a key with it.

        Published as alpha times queries over keys, rounded down, which is the same for every size of picture.
        """
        return self.alpha * pyramid.reductions[stage] ** 2

    def vision_tokens(self, pyramid: Pyramid) -> int:
        """Return how many tokens a picture becomes: 996 for PVT and the published settings."""
        return sum(1 + pyramid.heads[stage] * self.count(pyramid, stage) for stage in self.stages())
