"""The network of LORA and TGCA-PVT around a pyramid: local tokens, global tokens, topics, text, one fused token."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ucdver import SpecError
from ucdver_tgca_pvt.blocks import STD, as_map, initialise
from ucdver_tgca_pvt.fla import FrequencyGate
from ucdver_tgca_pvt.fusion import FusionBlock
from ucdver_tgca_pvt.layout import Layout
from ucdver_tgca_pvt.pyramids import STAGES, Pyramid
from ucdver_tgca_pvt.tgca import TopicContext, attend_topics, group_weights
from ucdver_tgca_pvt.tokens import class_row, enhance, gather, select
from ucdver_tgca_pvt.trunk import Stage, TokenPyramid, split_position

LAST = STAGES - 1


class StageOutput(NamedTuple):
    """One stage's tokens [B, 1 + N, C] (no class token where it gives none), chosen indices, enhanced tokens.

    `indices` [B, heads, k] and `local` [B, heads * k, C] are None where the stage gives no tokens.
    """

    tokens: Tensor
    indices: Tensor | None
    local: Tensor | None


class TokenNetwork(nn.Module):
    """What LORA and TGCA-PVT add to a pyramid; the pyramid itself is handed in, so that it stays the backbone.

    Args:
        pyramid: numbers of the pyramid that it will be used with.
        layout: what it is made of.
        channels: of the pictures.
    """

    def __init__(self, pyramid: Pyramid, layout: Layout, channels: int = 3) -> None:
        super().__init__()
        self.layout = layout
        width, hidden = pyramid.widths[-1], layout.fusion_width(pyramid)
        early = [stage for stage in layout.stages() if stage < LAST]
        inputs = (channels, *pyramid.widths[:-1])
        bare = early if pyramid.class_token else layout.stages()
        self.class_token = nn.ParameterDict({_key(i): _token(pyramid.widths[i]) for i in bare})
        own = pyramid.side and not layout.switches.share_position
        self.class_position = nn.ParameterDict({_key(i): _token(pyramid.widths[i]) for i in early if own})
        self.local_proj = nn.ModuleDict({_key(i): _projection(pyramid.widths[i], width) for i in early})
        self.global_proj = nn.ModuleDict({_key(i): _projection(pyramid.widths[i], width) for i in early})
        form, least = layout.switches.fla, layout.switches.gate_min_width
        self.gate = nn.ModuleDict(
            {} if form == "none" else {_key(i): FrequencyGate(inputs[i], form, least) for i in range(STAGES)}
        )
        self.context = nn.ModuleDict(
            {_key(i): TopicContext(pyramid.widths[i]) for i in layout.stages()} if layout.topics else {}
        )
        self.v_proj = nn.Linear(width, hidden)
        text_tokens, text_width = layout.text or (0, 0)
        self.l_proj = nn.Linear(text_width, hidden) if layout.text else None
        self.position = nn.Parameter(torch.empty(1, layout.vision_tokens(pyramid) + text_tokens, hidden))
        self.fusion = FusionBlock(
            hidden, layout.fusion_heads(pyramid), layout.fusion_mlp(pyramid), layout.dropout, layout.topics
        )
        self.apply(initialise)
        nn.init.trunc_normal_(self.position, std=STD)

    def forward(
        self,
        pyramid: TokenPyramid,
        images: Tensor,
        topics: Tensor | None = None,
        text: Tensor | None = None,
    ) -> Tensor:
        """Return the fused token [B, hidden].

        Args:
            pyramid: the backbone.
            images: normalised pictures [B, C, S, S].
            topics: int64 [B], pictures of one topic having the same number; None where each is its own.
            text: [B, n, width], where the layout has text.
        """
        weights = group_weights(topics) if topics is not None and self.layout.topics else None
        tokens: Tensor = self.v_proj(self.vision(pyramid, images, weights))
        if self.l_proj is not None:
            if text is None:
                raise SpecError("the network fuses text, and was given none", "ask for the extra 'bert_tokens'")
            tokens = torch.cat([tokens, self.l_proj(text)], dim=1)
        fused: Tensor = self.fusion(tokens + self.position, weights)
        return fused

    def vision(self, pyramid: TokenPyramid, images: Tensor, weights: Tensor | None) -> Tensor:
        """Return the normed tokens [B, T, C]: global ones of stages 4 to 1, then the local ones."""
        return cast(Tensor, pyramid.norm(self.assemble(self.outputs(pyramid, images), weights)))

    def outputs(self, pyramid: TokenPyramid, images: Tensor) -> list[StageOutput]:
        """Return what each of the four stages gives for normalised pictures."""
        pyramid.check(images)
        found, x = [], images
        for number, stage in enumerate(pyramid.stages()):
            grid = pyramid.grid(number, x)
            arguments = (pyramid, stage, number, x, grid)
            # A batch norm would take notice of a batch twice, so that an embedding that has one is not recomputed.
            if self._recomputes() and pyramid.pyramid.embedding == "patch":
                tokens = checkpoint(self._embed, *arguments, use_reentrant=False)
            else:
                tokens = self._embed(*arguments)
            tokens, maps = self._run(stage, tokens, grid, wanted=number in self.layout.stages())
            found.append(self._choose(pyramid.pyramid, number, tokens, maps))
            x = as_map(tokens[:, tokens.shape[1] - grid[0] * grid[1] :], grid)
        return found

    def assemble(self, outputs: list[StageOutput], weights: Tensor | None) -> Tensor:
        """Return the tokens [B, T, C] before the last norm; `weights` are of `group_weights`."""
        globals_, contexts, local = [], [], []
        for number in self.layout.stages():
            output, key = outputs[number], _key(number)
            cls = output.tokens[:, :1]
            # Class and topic token go through one projection together.
            both = torch.cat([cls, cls + self.context[key](cls, weights)], dim=1) if self.layout.topics else cls
            projected = self._project(self.global_proj, key, both)
            globals_.append(projected[:, :1])
            contexts.append(projected[:, 1:])
            local.append(self._project(self.local_proj, key, cast(Tensor, output.local)))
        tokens = torch.cat(globals_[::-1], dim=1)
        if self.layout.topics:
            tokens = attend_topics(tokens, torch.cat(contexts[::-1], dim=1))
        if self.layout.switches.reverse_tokens:
            return torch.cat([tokens, torch.cat(local, dim=1).flip(1)], dim=1)
        return torch.cat([tokens, *local[::-1]], dim=1)

    def _embed(self, pyramid: TokenPyramid, stage: Stage, number: int, x: Tensor, grid: tuple[int, int]) -> Tensor:
        """Return the tokens of the stage's gated map, positions added, behind its class token if it has one."""
        x = self.gate[_key(number)](x) if _key(number) in self.gate else x
        tokens: Tensor = stage.embed(x)
        own = position = None
        if stage.position is not None:
            own, position = split_position(stage.position, grid, has_class_slot=number == LAST)
            tokens = tokens + position
        cls = self._class_token(pyramid, number, own, position)
        return tokens if cls is None else torch.cat([cls.expand(len(tokens), -1, -1), tokens], dim=1)

    def _class_token(
        self, pyramid: TokenPyramid, number: int, own: Tensor | None, position: Tensor | None
    ) -> Tensor | None:
        """Return a stage's class token [1, 1, C], its position added where positions are embedded."""
        key = _key(number)
        if number == LAST and pyramid.cls_token is not None:
            return pyramid.cls_token + cast(Tensor, own)
        if key not in self.class_token:
            return None
        cls = cast(Tensor, self.class_token[key])
        if position is None:
            return cls
        slot = position[:, :1] if self.layout.switches.share_position else self.class_position[key]
        return cls + slot

    def _run(self, stage: Stage, tokens: Tensor, grid: tuple[int, int], wanted: bool) -> tuple[Tensor, list[Tensor]]:
        """Return the tokens after the stage, and the attention maps of its blocks where they are wanted."""
        maps = []
        for block in stage.blocks:
            tokens, one = block(tokens, grid, wanted, self._recomputes())
            if one is not None:
                maps.append(one)
        return tokens if stage.norm is None else stage.norm(tokens), maps

    def _recomputes(self) -> bool:
        return self.layout.recompute and torch.is_grad_enabled()

    def _choose(self, pyramid: Pyramid, number: int, tokens: Tensor, maps: list[Tensor]) -> StageOutput:
        if not maps:
            return StageOutput(tokens, None, None)
        patches, count = tokens[:, 1:], self.layout.count(pyramid, number)
        if count > patches.shape[1]:
            raise SpecError(
                f"stage {number + 1} has {patches.shape[1]} tokens, and each of its heads is to choose {count}",
                "use larger pictures, or a smaller alpha",
            )
        with torch.no_grad():
            indices = select(class_row(maps, last_stage=number == LAST), count)
        chosen = gather(patches, indices)
        lera = self.layout.switches.lera
        if lera != "none":
            chosen = enhance(chosen, chosen if lera == "selected" else patches)
        return StageOutput(tokens, indices, chosen)

    @staticmethod
    def _project(projections: nn.ModuleDict, key: str, tokens: Tensor) -> Tensor:
        """Return tokens as wide as the last stage's; its own are used as they are."""
        return cast(Tensor, projections[key](tokens)) if key in projections else tokens


def _key(stage: int) -> str:
    return f"stage{stage + 1}"


def _token(width: int) -> nn.Parameter:
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 1, width), std=STD))


def _projection(width: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, out))
