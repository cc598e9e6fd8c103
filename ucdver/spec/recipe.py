"""The recipe that all methods of a suite share, so that only the loss differs between them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ucdver.spec.base import Value


class ImageRecipe(Value):
    """How a picture becomes a uint8 array; part of the run key, since a resize alone moves scores.

    `fit`: `pad` enlarges or shrinks to fit a square, `centre` does so only where a picture is too large and keeps the
    pixels of smaller ones, `crop` takes the middle, `stretch` changes the proportions.
    """

    size: int = Field(default=64, ge=8, le=2048)
    fit: Literal["stretch", "crop", "pad", "centre"] = "pad"
    background: Literal["white", "black", "grey"] = "white"
    channels: Literal[1, 3] = 3


class AugmentRecipe(Value):
    """Batched augmentation with one draw per sample; every field 0 means none.

    `rotate` in degrees and `translate` as a fraction of the side are half-widths of a uniform draw; `scale` is the
    half-width of a log-uniform zoom; `brightness`, `contrast`, `saturation` are half-widths around 1; `hue` in turns;
    `grey`, `flip`, `erase`, `invert` are probabilities; `noise` is a standard deviation in units of full scale.
    """

    flip: float = Field(default=0.0, ge=0, le=1)
    rotate: float = Field(default=0.0, ge=0, le=180)
    translate: float = Field(default=0.0, ge=0, le=1)
    scale: float = Field(default=0.0, ge=0, le=2)
    brightness: float = Field(default=0.0, ge=0, le=1)
    contrast: float = Field(default=0.0, ge=0, le=1)
    saturation: float = Field(default=0.0, ge=0, le=1)
    hue: float = Field(default=0.0, ge=0, le=0.5)
    grey: float = Field(default=0.0, ge=0, le=1)
    invert: float = Field(default=0.0, ge=0, le=1)
    erase: float = Field(default=0.0, ge=0, le=1)
    noise: float = Field(default=0.0, ge=0, le=1)

    @property
    def is_identity(self) -> bool:
        """True when nothing would be changed, so that the whole step can be left out."""
        return not any(self.model_dump().values())


class OptimRecipe(Value):
    """Optimiser, schedule and clipping.

    Schedules, with p = step / total: `constant`; `cosine`; `ganin`: (1 + 10 p)^-0.75 (Ganin et al., 2016);
    `inverse`: (1 + gamma * step)^-0.75, TLlib's, per iteration. `warmup` is a fraction of the steps.
    """

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    lr: float = Field(default=0.01, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = True
    weight_decay: float = Field(default=1e-3, ge=0)
    schedule: Literal["constant", "cosine", "ganin", "inverse"] = "cosine"
    gamma: float = Field(default=0.001, ge=0)
    warmup: float = Field(default=0.0, ge=0, lt=1)
    backbone_multiplier: float = Field(default=1.0, ge=0)
    clip_norm: float = Field(default=0.0, ge=0)


class Recipe(Value):
    """Everything that is the same for every method of a suite: network, pictures, optimiser, batch, precision.

    `batch_size` is the number of source images and, apart from them, of target images in a step. With `frozen`, the
    backbone's features of the unaugmented images are computed once and only what follows is trained.
    """

    backbone: str = "convnet@none"
    frozen: bool = False
    image: ImageRecipe = ImageRecipe()
    augment: AugmentRecipe = AugmentRecipe()
    optim: OptimRecipe = OptimRecipe()
    # Batch normalisation needs two images.
    batch_size: int = Field(default=32, ge=2)
    bottleneck: int = Field(default=128, ge=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    precision: Literal["float32", "bfloat16", "float16"] = "float32"

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        if self.frozen and not self.augment.is_identity:
            raise ValueError("frozen features are computed once, so they cannot be augmented: drop [recipe.augment]")
        name, at, weights = self.backbone.partition("@")
        if not name or not at or not weights:
            raise ValueError(
                f"backbone '{self.backbone}' needs weights: write name@none, name@package, name@hub or name@/path"
            )
        return self

    @property
    def backbone_name(self) -> str:
        """The part of `backbone` before the @."""
        return self.backbone.partition("@")[0]

    @property
    def weights(self) -> str:
        """The part of `backbone` after the @: none, package, hub, or a path."""
        return self.backbone.partition("@")[2]
