"""Optimiser groups with multipliers, and learning-rate schedules as functions of the step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from ucdver.errors import SpecError
from ucdver.methods.base import Method, ParameterGroup
from ucdver.spec.recipe import OptimRecipe


def lr_factor(recipe: OptimRecipe, step: int, total: int) -> float:
    """Return what the base learning rate is multiplied with at `step` of `total`; see `OptimRecipe`."""
    warmup = round(recipe.warmup * total)
    if step < warmup:
        return (step + 1) / warmup
    progress = step / total
    if recipe.schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))
    if recipe.schedule == "ganin":
        return float((1.0 + 10.0 * progress) ** -0.75)
    if recipe.schedule == "inverse":
        return float((1.0 + recipe.gamma * step) ** -0.75)
    return 1.0


def _groups(groups: Sequence[ParameterGroup], recipe: OptimRecipe) -> list[dict[str, object]]:
    seen: set[int] = set()
    result: list[dict[str, object]] = []
    for group in groups:
        multiplier = group.lr_multiplier * (recipe.backbone_multiplier if group.name == "backbone" else 1.0)
        for parameter in group.parameters:
            if id(parameter) in seen:
                raise SpecError(f"a parameter is in two groups of the method, the second being '{group.name}'")
            seen.add(id(parameter))
            parameter.requires_grad_(multiplier > 0)
        trained = [p for p in group.parameters if multiplier > 0]
        if trained:
            decay = recipe.weight_decay if group.weight_decay is None else group.weight_decay
            result.append(
                {
                    "params": trained,
                    "lr": recipe.lr * multiplier,
                    "weight_decay": decay,
                    "multiplier": multiplier,
                }
            )
    if not result:
        raise SpecError("the method has no parameter to train", "check parameter_groups() and lr multipliers")
    return result


def build_optimiser(method: Method, recipe: OptimRecipe) -> torch.optim.Optimizer:
    """Return the optimiser over the method's groups; a group with multiplier 0 is frozen."""
    groups = _groups(method.parameter_groups(), recipe)
    # Fused: one kernel for all parameters, where the plain loop over them took a tenth of a step of a small network.
    if recipe.name == "sgd":
        nesterov = recipe.nesterov and recipe.momentum > 0
        sgd = torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=nesterov, fused=True)
        if recipe.momentum > 0:
            # Fused SGD fails where some parameters have momentum and others get their first gradient later, as in
            # methods that train in stages. A momentum of zero is what the first step would begin with.
            for group in sgd.param_groups:
                for parameter in group["params"]:
                    sgd.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        return sgd
    if recipe.name == "adam":
        return torch.optim.Adam(groups, lr=recipe.lr, fused=True)
    return torch.optim.AdamW(groups, lr=recipe.lr, fused=True)


def set_lr(optimiser: torch.optim.Optimizer, recipe: OptimRecipe, step: int, total: int) -> None:
    """Set every group's learning rate for `step`: base x group multiplier x schedule."""
    factor = lr_factor(recipe, step, total)
    for group in optimiser.param_groups:
        group["lr"] = recipe.lr * group["multiplier"] * factor
