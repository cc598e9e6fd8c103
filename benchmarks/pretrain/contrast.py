"""Training the image-text model: two projections, by contrast of the drawings with their names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from drawings import Drawings
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import efficientnet_lite0
from ucdver_kcdp.projections import LENGTH, WIDTH, Projections
from ucdver_kcdp.text_embedding import MiniLMText, minilm_folder

#: Sides in pixels at which each drawing is read: those of the frozen and of the fine-tuned suite.
SIDES = (128, 96)
STEPS, BATCH, LR, DECAY = 400, 512, 1e-3, 0.05
#: The text's projection starts from the names' principal components, and moves less: there are few names.
TEXT_LR = 0.1
DROPOUT = 0.2
#: CLIP's initial temperature.
TEMPERATURE = 0.07
#: Concepts kept from a first, thrown-away training, to tell what the model finds among names that it never saw.
HELD_BACK = 0.1


@dataclass(frozen=True)
class Contrasted:
    """The projections, and what is told of their training."""

    projections: Projections
    told: dict[str, float | int]


def name_states(names: list[str]) -> Tensor:
    """Return MiniLM's mean hidden states [n, 384]."""
    encoder = MiniLMText(minilm_folder(""), torch.device("cpu"), LENGTH)
    parts = [encoder.encode(names[i : i + 64]) for i in range(0, len(names), 64)]
    return torch.cat([tokens.sum(1) / mask.sum(1, keepdim=True) for tokens, mask in parts])


def picture_features(drawings: Drawings, folder: Path) -> Tensor:
    """Return EfficientNet-Lite0's features [sides, N, 1280], from the folder's cache where they are there."""
    path = folder / f"features-{drawings.fingerprint[:16]}.npy"
    if not path.is_file():
        encoder = efficientnet_lite0().eval()
        found = np.empty((len(SIDES), len(drawings.rows), encoder.num_features), np.float16)
        with torch.inference_mode():
            for start in range(0, len(drawings.rows), 64):
                images = to_images(drawings.pictures[start : start + 64])
                for i, side in enumerate(SIDES):
                    found[i, start : start + 64] = encoder(resized(images, side)).numpy()
        np.save(path, found, allow_pickle=False)
    return torch.from_numpy(np.load(path, allow_pickle=False)).float()


def to_images(pictures: npt.NDArray[np.uint8]) -> Tensor:
    """Return float32 [B, 3, H, W] in [0, 1] of uint8 [B, H, W, 3]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def resized(images: Tensor, side: int) -> Tensor:
    """Return the images at `side` pixels."""
    if images.shape[-1] == side:
        return images
    return F.interpolate(images, size=(side, side), mode="bilinear", antialias=True)


def train(drawings: Drawings, folder: Path, seed: int) -> Contrasted:
    """Return the projections, trained on all; told is also what a training without a tenth of the concepts finds."""
    names = list(dict.fromkeys(row.concept.name for row in drawings.rows))
    index = {name: i for i, name in enumerate(names)}
    concept = torch.tensor([index[row.concept.name] for row in drawings.rows])
    features, states = picture_features(drawings, folder), name_states(names)
    rng = np.random.Generator(np.random.Philox(seed))
    back = torch.zeros(len(names), dtype=torch.bool)
    back[rng.permutation(len(names))[: round(HELD_BACK * len(names))]] = True
    first, _ = _fit(features, states, concept, torch.nonzero(~back[concept]).flatten(), rng, seed)
    told = _found(first, features[0], states, concept, back)
    projections, loss = _fit(features, states, concept, torch.arange(len(concept)), rng, seed)
    _scale_tokens(projections, states)
    return Contrasted(projections, {"steps": STEPS, "final_loss": loss, **told})


def _fit(
    features: Tensor, states: Tensor, concept: Tensor, rows: Tensor, rng: np.random.Generator, seed: int
) -> tuple[Projections, float]:
    torch.manual_seed(seed)
    made = Projections()
    centred = states - states.mean(0)
    with torch.no_grad():
        components = torch.linalg.svd(centred, full_matrices=False)[2][:WIDTH]
        made.text.weight.copy_(components)
        made.text.bias.copy_(-components @ states.mean(0))
    scale = nn.Parameter(torch.tensor(1 / TEMPERATURE).log())
    groups = [
        {"params": [*made.image.parameters(), scale]},
        {"params": list(made.text.parameters()), "lr": LR * TEXT_LR},
    ]
    optimiser = torch.optim.AdamW(groups, lr=LR, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [LR, LR * TEXT_LR], total_steps=STEPS)
    losses = []
    for _ in range(STEPS):
        chosen = rows[torch.from_numpy(rng.integers(0, len(rows), BATCH))]
        view = int(rng.integers(0, len(features)))
        seen = F.dropout(features[view, chosen], DROPOUT)
        present, target = concept[chosen].unique(return_inverse=True)
        logits = scale.exp() * made.embed_pictures(seen) @ made.embed_texts(states[present]).T
        # A name's drawings in the batch are all right answers for it.
        right = F.one_hot(target, len(present)).float().T
        loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, right / right.sum(1, keepdim=True))) / 2
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    return made.eval(), float(np.mean(losses[-50:]))


@torch.no_grad()
def _found(
    made: Projections, features: Tensor, states: Tensor, concept: Tensor, back: Tensor
) -> dict[str, float | int]:
    """Return how often a drawing's name is found among names that were kept back, all of them new."""
    rows = torch.nonzero(back[concept]).flatten()
    names = torch.nonzero(back).flatten()
    ranked = (made.embed_pictures(features[rows]) @ made.embed_texts(states[names]).T).argsort(1, descending=True)
    hits = names[ranked] == concept[rows].unsqueeze(1)
    return {
        "names_kept_back": len(names),
        "top1_among_names_kept_back": round(hits[:, :1].any(1).float().mean().item(), 4),
        "top5_among_names_kept_back": round(hits[:, :5].any(1).float().mean().item(), 4),
    }


@torch.no_grad()
def _scale_tokens(made: Projections, states: Tensor) -> None:
    """Give mapped states unit mean square, as attention layers expect; embeddings, being unit vectors, stay."""
    size = made.text(states).square().mean().sqrt()
    made.text.weight.div_(size)
    made.text.bias.div_(size)
