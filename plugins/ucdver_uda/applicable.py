"""Why a method is not defined for a task: answered while a suite is planned, so torch is not imported at the top."""

from __future__ import annotations

from ucdver import Recipe, Task

#: timm's modules of networks that have patch tokens and a list of blocks.
_TRANSFORMERS = ("vision_transformer", "deit")


def needs_sources(task: Task, recipe: Recipe) -> str:
    """Return why a method that compares source domains has nothing to compare."""
    return "" if len(task.sources) > 1 else "compares source domains, and this task has one"


def needs_pictures(task: Task, recipe: Recipe) -> str:
    """Return why a method that augments or reads pictures cannot work on the features of a frozen backbone."""
    return "works on pictures, and a frozen backbone hands over features" if recipe.frozen else ""


def needs_norms(task: Task, recipe: Recipe) -> str:
    """Return why a method that adapts normalisation layers has none."""
    lacking = recipe.frozen and not recipe.bottleneck
    return "adapts normalisation layers, and a linear head on frozen features has none" if lacking else ""


def needs_layers(task: Task, recipe: Recipe) -> str:
    """Return why a method that moves features without their classifier has nothing to move."""
    lacking = recipe.frozen and not recipe.bottleneck
    return "moves features, and a linear head on frozen ones has none of its own" if lacking else ""


def needs_transformer(task: Task, recipe: Recipe) -> str:
    """Return why a method on patch tokens has none."""
    if recipe.frozen:
        return needs_pictures(task, recipe)
    import timm

    name = recipe.backbone_name.partition(".")[0]
    known = name in timm.list_models() and timm.models.is_model_in_modules(name, _TRANSFORMERS)
    return "" if known else f"works on the patch tokens of timm's vision transformers, and '{name}' is none"
