"""The annotator of features: what a frozen U-Net shows of an image with its knowledge, computed once."""

from __future__ import annotations

import math
from binascii import crc32
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ucdver import Annotator, AnnotatorConfig, Augment, AugmentRecipe, ImageRecipe, Item, SpecError
from ucdver_kcdp.diffusion import RANDOM_TINY, STABLE_DIFFUSION, diffusion_sha256, load_diffusion
from ucdver_kcdp.knowledge import Knowledge
from ucdver_kcdp.perception import DiffusionPerceiver, PerceptionOptions, feature_channels
from ucdver_kcdp.text_embedding import Kind, load_text_encoder, text_encoder_sha256

#: Up to this side of the finest map a layout is looked for: 4,096 pixels with Stable Diffusion's VAE.
MAX_SIDE = 512
#: That of the suites of emoji.
AUGMENT = AugmentRecipe(
    flip=0.5, rotate=10, translate=0.08, scale=0.15, brightness=0.3, contrast=0.4, saturation=0.6, grey=0.3
)


class Features(Annotator):
    """All scales of the perceiver, maps included, one after the other in one row, float16: [V, N] for V views.

    At 512 pixels with Stable Diffusion that is 5.2 MB a view, at 256 pixels 1.3 MB. The first view is of the picture as
    it is, and by default the only one. Others are augmented, each picture's by random numbers of its own.
    """

    class Config(AnnotatorConfig):
        """`model`: the diffusion pipeline, as the method's; `size`: the pictures' side in pixels, 0 for the suite's.

        `normalisation` and `latent` are those of `PerceptionOptions`; `views` and `augment`: how many versions of a
        picture there are, and how those after the first are augmented; `background`: what that uncovers, from
        black, 0, to white, 1, which is best the suite's.
        """

        model: str = STABLE_DIFFUSION
        size: int = Field(default=0, ge=0, le=2048)
        normalisation: Literal["minus_one_to_one", "imagenet_once", "imagenet_twice"] = "minus_one_to_one"
        latent: Literal["scaled", "unscaled"] = "scaled"
        views: int = Field(default=1, ge=1, le=64)
        augment: AugmentRecipe = AUGMENT
        background: float = Field(default=1.0, ge=0, le=1)

    dtype = "float16"
    batch_size = 8
    #: The annotator whose knowledge is the context; empty for the empty prompt's.
    knowledge: ClassVar[str] = "kcdp_knowledge"
    #: The text encoder of the empty prompt.
    text_encoder: ClassVar[Kind] = "clip"
    config: Config

    def __init__(self, config: Config, device: torch.device) -> None:
        super().__init__(config, device)
        options = PerceptionOptions(mode="frozen", normalisation=config.normalisation, latent=config.latent)
        self.perceiver = DiffusionPerceiver(load_diffusion(config.model), options).to(device).eval()
        if device.type == "cpu":
            # A fifth faster there, with the small model; CUDA was not measured.
            self.perceiver.to(memory_format=torch.channels_last)
        self._augment = Augment(config.augment, config.background)
        self._context: Tensor | None = None
        if not self.knowledge:
            self._context = load_text_encoder(self.text_encoder, config.model, device).encode([""])[0]

    @classmethod
    def weights_sha256(cls, config: Config, *, fetch: bool) -> str:
        """Return the hash of U-Net and VAE, and of the text encoder where the empty prompt is encoded."""
        own = diffusion_sha256(config.model, fetch=fetch)
        return own if cls.knowledge else f"{own} {text_encoder_sha256(cls.text_encoder, config.model, fetch=fetch)}"

    @classmethod
    def image_recipe(cls, config: Config, suite: ImageRecipe) -> ImageRecipe:
        """Return the suite's drawing, at `size` where it is given."""
        return suite.model_copy(update={"size": config.size}) if config.size else suite

    def annotate(self, items: Sequence[Item]) -> Tensor:
        """Return float32 [n, V, N], N as `Layout` has it."""
        images = torch.stack([item.image for item in items])
        if self._context is None:
            packed = torch.stack([torch.as_tensor(item.annotation(self.knowledge)) for item in items])
            tokens = Knowledge.unpack(packed.float()).tokens.to(self.device)
        else:
            tokens = self._context.expand(len(items), -1, -1)
        return torch.stack([self._read(self._view(images, v), tokens) for v in range(self.config.views)], dim=1)

    def _read(self, images: Tensor, tokens: Tensor) -> Tensor:
        levels = self.perceiver(images.to(self.device), tokens)
        return torch.cat([level.flatten(1) for level in levels], dim=1).float().cpu()

    def _view(self, images: Tensor, number: int) -> Tensor:
        """Return a view of uint8 images as float32 in [0, 1]; its draws depend on the picture and `number` alone."""
        bare = images.float() / 255
        if number == 0:
            return bare
        views = []
        with torch.random.fork_rng(devices=()):
            for image, picture in zip(images, bare, strict=True):
                # The CPU's generator alone, from which all augmentation draws: CUDA's are not forked here.
                torch.default_generator.manual_seed(crc32(image.numpy().tobytes(), number))
                views.append(self._augment(picture[None]))
        return torch.cat(views)


class PlainFeatures(Features):
    """Without knowledge: the context is the empty prompt's."""

    knowledge = ""


class ReleasedFeatures(Features):
    """With the knowledge as released, and by default read as released."""

    class Config(Features.Config):
        """As elsewhere, but for the defaults of `normalisation` and `latent`, which are the preset `faithful`'s."""

        normalisation: Literal["minus_one_to_one", "imagenet_once", "imagenet_twice"] = "imagenet_twice"
        latent: Literal["scaled", "unscaled"] = "unscaled"

    knowledge = "kcdp_knowledge_released"


class MiniLMFeatures(Features):
    """With MiniLM's knowledge, for a U-Net that was trained with it: `model` must name one."""

    knowledge = "kcdp_knowledge_minilm"


class HashedFeatures(Features):
    """With hashed knowledge, and by default of random weights."""

    class Config(Features.Config):
        """As elsewhere, but for the default of `model`."""

        model: str = RANDOM_TINY

    knowledge = "kcdp_knowledge_hashed"


class Latents(Annotator):
    """The latent [4, h, w] of the unaugmented picture: where the U-Net learns, half of what a step costs otherwise."""

    class Config(AnnotatorConfig):
        """As those of `Features`."""

        model: str = STABLE_DIFFUSION
        size: int = Field(default=0, ge=0, le=2048)
        normalisation: Literal["minus_one_to_one", "imagenet_once", "imagenet_twice"] = "minus_one_to_one"
        latent: Literal["scaled", "unscaled"] = "scaled"

    dtype = "float16"
    batch_size = 8
    config: Config

    def __init__(self, config: Config, device: torch.device) -> None:
        super().__init__(config, device)
        options = PerceptionOptions(mode="frozen", normalisation=config.normalisation, latent=config.latent)
        self.perceiver = DiffusionPerceiver(load_diffusion(config.model), options).to(device).eval()

    @classmethod
    def weights_sha256(cls, config: Config, *, fetch: bool) -> str:
        """Return the hash of U-Net and VAE, which come together."""
        return diffusion_sha256(config.model, fetch=fetch)

    @classmethod
    def image_recipe(cls, config: Config, suite: ImageRecipe) -> ImageRecipe:
        """Return the suite's drawing, at `size` where it is given."""
        return suite.model_copy(update={"size": config.size}) if config.size else suite

    def annotate(self, items: Sequence[Item]) -> Tensor:
        """Return float32 [n, 4, h, w]."""
        images = torch.stack([item.image for item in items]).to(self.device).float() / 255
        return self.perceiver.latents(images).float().cpu()


class Layout:
    """Where the scales lie in a row of `Features`.

    A row does not say it, so it is found from its length: pictures are squares, and there is one side of the finest map
    for which all scales together have that many numbers.

    Args:
        unet: the U-Net's configuration.
        tokens: of the knowledge.
        length: of a row.

    Raises:
        SpecError: no side fits; the features were made with another U-Net or with other knowledge.
    """

    def __init__(self, unet: Mapping[str, Any], tokens: int, length: int) -> None:
        self.channels = feature_channels(unet, tokens)
        for side in range(1, MAX_SIDE + 1):
            self.sides = tuple(math.ceil(side / 2**level) for level in range(len(self.channels)))
            self.sizes = [c * s * s for c, s in zip(self.channels, self.sides, strict=True)]
            if sum(self.sizes) == length:
                return
        channels = ", ".join(map(str, self.channels))
        raise SpecError(
            f"cached features of {length} numbers are not of a U-Net with {channels} channels",
            "give the method and the annotator of its features the same 'model'",
        )

    def split(self, rows: Tensor) -> list[Tensor]:
        """Return the scales [B, C_i, h_i, w_i], finest first, of rows [B, N]."""
        parts = torch.split(rows, self.sizes, dim=1)
        return [part.reshape(-1, c, s, s) for part, c, s in zip(parts, self.channels, self.sides, strict=True)]
