"""A strong view of images that the recipe has augmented weakly: batched, on the device, one draw an image."""

from __future__ import annotations

from pydantic import Field

from ucdver import Augment, AugmentRecipe, MethodConfig, TaskInfo


class StrongViewConfig(MethodConfig):
    """Base of the `Config` of methods that compare a weak and a strong view.

    The recipe's own augmentation is the weak view. `strength` scales what is applied on top of it: 1 is about what
    RandAugment with magnitude 10 does to geometry and colour (Cubuk et al., 2020; FixMatch in
    https://github.com/thuml/Transfer-Learning-Library: two of its operations an image), here all at once, each from -1
    to 1 times its range.
    """

    strength: float = Field(default=1.0, ge=0, le=2, json_schema_extra={"search": [0.5, 1.5]})


def strong_view(task: TaskInfo, strength: float) -> Augment:
    """Return the augmentation: no flip, which is the recipe's to allow, and no inversion, which changes the style.

    A third of the images lose a rectangle, as in Cutout; RandAugment's ranges at magnitude 10 of 10 are 30 degrees,
    0.45 of the side and factors of 0.1 to 1.9; two operations an image make those larger than all at once may be.
    """
    recipe = AugmentRecipe(
        rotate=min(180.0, 20.0 * strength),
        translate=min(1.0, 0.1 * strength),
        scale=min(2.0, 0.2 * strength),
        brightness=min(1.0, 0.3 * strength),
        contrast=min(1.0, 0.3 * strength),
        saturation=min(1.0, 0.3 * strength),
        hue=min(0.5, 0.05 * strength),
        grey=min(1.0, 0.1 * strength),
        erase=min(1.0, 0.33 * strength),
    )
    return Augment(recipe, task.background)
