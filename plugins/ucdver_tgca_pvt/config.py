"""The options of LORA and TGCA-PVT, and the layout that they amount to."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ucdver import MethodConfig
from ucdver_tgca_pvt.layout import PRESETS, Gate, Layout, Pool, Preset, Switches


class LoraConfig(MethodConfig):
    """Options of LORA, with the defaults of its release.

    `preset` sets every switch that is left out: `faithful` as released, `fixed` with its slips mended; see
    `Switches`. `alpha` and `local_stages` say how many tokens are chosen, and in which of the first three stages.
    `hidden`, `heads` and `mlp` of the fusion block are 768, 12 and 3072 for PVT's width of 512, and go with the width
    where they are 0. `dropout` is in its MLP, `drop_path` the rate at the last block of the pyramid.
    `lr_multiplier` stands on the recipe's learning rate. `recompute` trades time for memory.
    """

    preset: Preset = "faithful"
    alpha: int = Field(default=8, ge=1, le=64)
    local_stages: tuple[bool, bool, bool] = (True, True, True)
    hidden: int = Field(default=0, ge=0)
    heads: int = Field(default=0, ge=0)
    mlp: int = Field(default=0, ge=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    drop_path: float = Field(default=0.1, ge=0, lt=1)
    label_smoothing: float = Field(default=0.2, ge=0, lt=1, json_schema_extra={"search": [0.0, 0.3]})
    lr_multiplier: float = Field(default=1.0, gt=0, json_schema_extra={"search": [0.1, 3.0], "log": True})
    recompute: bool = False
    reverse_tokens: bool | None = None
    share_position: bool | None = None
    decay_tokens: bool | None = None

    def switches(self) -> Switches:
        """Return the preset's switches, with those that were set in their place; LORA has no gate and no maximum."""
        preset = PRESETS[self.preset]
        return Switches(
            fla="none",
            gate_min_width=0,
            lera="none",
            reverse_tokens=_either(self.reverse_tokens, preset.reverse_tokens),
            share_position=_either(self.share_position, preset.share_position),
            decay_tokens=_either(self.decay_tokens, preset.decay_tokens),
        )

    def topics(self) -> bool:
        """Return whether the topic modules are there."""
        return False

    def reads_topics(self) -> bool:
        """Return whether pictures are grouped by the topics of their data set."""
        return False

    def layout(self, text: tuple[int, int] | None) -> Layout:
        """Return the layout, with text of so many tokens of such a width."""
        return Layout(
            switches=self.switches(),
            topics=self.topics(),
            alpha=self.alpha,
            local_stages=self.local_stages,
            hidden=self.hidden,
            heads=self.heads,
            mlp=self.mlp,
            dropout=self.dropout,
            text=text,
            recompute=self.recompute,
        )


class TgcaConfig(LoraConfig):
    """Options of TGCA-PVT, with the defaults of its release: those of LORA, and

    `fla` the frequency gate, `gate_min_width` and `lera`, see `Switches`; `tgca` whether topics have modules at all.
    `topic` says what a topic is: with `none` every picture is its own, which is the authors' rule for data sets without
    topics, and predictions do not depend on the batch; with `row` it is the topic that the data set states, and
    a prediction then depends on the other pictures of its batch, as in the release.
    """

    fla: Gate | None = None
    gate_min_width: int | None = Field(default=None, ge=0)
    lera: Pool | None = None
    tgca: bool = True
    topic: Literal["none", "row"] = "none"

    def switches(self) -> Switches:
        """Return the preset's switches, with those that were set in their place."""
        preset, own = PRESETS[self.preset], super().switches()
        return Switches(
            fla=self.fla or preset.fla,
            gate_min_width=preset.gate_min_width if self.gate_min_width is None else self.gate_min_width,
            lera=self.lera or preset.lera,
            reverse_tokens=own.reverse_tokens,
            share_position=own.share_position,
            decay_tokens=own.decay_tokens,
        )

    def topics(self) -> bool:
        """Return whether the topic modules are there."""
        return self.tgca

    def reads_topics(self) -> bool:
        """Return whether pictures are grouped by the topics of their data set."""
        return self.tgca and self.topic == "row"


def _either(given: bool | None, preset: bool) -> bool:
    return preset if given is None else given
