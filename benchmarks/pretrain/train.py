"""Trains the small models that ship with `ucdver_kcdp`, on the drawings of emoji that have no face, and their names.

The autoencoder and the image-text model's projections, and then the U-Net, which needs both: 37 minutes of one core
that shared its processor. With the same seed the same machine should give the same files. What was seen is written
beside the weights (PRETRAINING.json). What is done stays in `--work`, so that an interrupted training goes on, and with
`--only` two parts train at a time.

    python benchmarks/pretrain/train.py --work DIR [--out plugins/ucdver_kcdp/emoji_small] [--seed 0]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import autoencoder
import contrast
import denoiser
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from drawings import Drawings, collect, counts
from record import write_licence, write_record
from safetensors.torch import load_file, save_file

from ucdver import efficientnet_lite0_sha256
from ucdver_kcdp.projections import ENCODER, FILE, Projections

Told = Mapping[str, float | int]
PARTS = ("vae", "image_text", "unet")


class Training:
    """The three parts, each trained where `work` does not hold it yet."""

    def __init__(self, work: Path, seed: int) -> None:
        self.work, self.seed = work, seed
        self.started = time.process_time()
        self.drawings: Drawings = collect(work)
        self.say(f"{len(self.drawings.rows)} drawings, {self.drawings.fingerprint[:16]}: {counts(self.drawings.rows)}")

    def say(self, text: str) -> None:
        """Print a line with the processor time so far."""
        print(f"{time.process_time() - self.started:7.1f} s  {text}", flush=True)

    def kept(self, name: str, code: ModuleType, train: Callable[[Path], Told]) -> tuple[Path, Told]:
        """Return the folder of a part and what is told of it; `train` fills the folder where there is none."""
        source = hashlib.sha256(Path(str(code.__file__)).read_bytes()).hexdigest()[:8]
        folder = self.work / f"{name}-{self.drawings.fingerprint[:8]}-{source}-{self.seed}"
        if not folder.is_dir():
            making = folder.with_suffix(".part")
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            (making / "told.json").write_text(json.dumps(train(making)))
            making.rename(folder)
        told: Told = json.loads((folder / "told.json").read_text())
        self.say(f"{name}: {told}")
        return folder, told

    def vae(self) -> tuple[AutoencoderKL, Told]:
        """Return the autoencoder."""

        def train(folder: Path) -> Told:
            made, told = autoencoder.train(autoencoder.pictures_at_side(self.drawings), self.seed)
            made.save_pretrained(folder)
            return told

        folder, told = self.kept("vae", autoencoder, train)
        return AutoencoderKL.from_pretrained(folder, local_files_only=True).eval(), told

    def image_text(self) -> tuple[Projections, Told]:
        """Return the projections."""

        def train(folder: Path) -> Told:
            made = contrast.train(self.drawings, self.work, self.seed)
            save_file(dict(made.projections.state_dict()), folder / FILE)
            return made.told

        folder, told = self.kept("image_text", contrast, train)
        projections = Projections()
        projections.load_state_dict(load_file(folder / FILE))
        return projections.eval(), told

    def unet(self, vae: AutoencoderKL, projections: Projections) -> tuple[UNet2DConditionModel, Told]:
        """Return the U-Net, trained on the latents of the one, with names in the space of the other."""

        def train(folder: Path) -> Told:
            names = list(dict.fromkeys(row.concept.name for row in self.drawings.rows))
            index = {name: i for i, name in enumerate(names)}
            concept = torch.tensor([index[row.concept.name] for row in self.drawings.rows])
            pictures = autoencoder.pictures_at_side(self.drawings)
            # Each drawing and its mirror image.
            pictures, concept = torch.cat([pictures, pictures.flip(3)]), concept.repeat(2)
            latents = autoencoder.encode(vae, pictures) * vae.config.scaling_factor
            self.say("latents are there")
            context = denoiser.contexts(projections, [*names, ""])
            made, told = denoiser.train(latents, context[:-1], concept, context[-1:], self.seed)
            made.save_pretrained(folder)
            return told

        folder, told = self.kept("unet", denoiser, train)
        return UNet2DConditionModel.from_pretrained(folder, local_files_only=True), told


def write(out: Path, projections: Projections, vae: AutoencoderKL, unet: UNet2DConditionModel) -> None:
    """Write the weights in half precision; every loader makes single precision of them."""
    out.mkdir(parents=True, exist_ok=True)
    for name, model in (("vae", vae), ("unet", unet)):
        # The folder that it came from is of this machine, and no part of the model.
        model.register_to_config(_name_or_path="")
        model.half().save_pretrained(out / name)
    state = {name: value.half().contiguous() for name, value in projections.state_dict().items()}
    save_file(state, out / FILE, metadata={ENCODER: efficientnet_lite0_sha256()})


def main() -> None:
    """Train, and write everything below `--out`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="packages, pictures, features and parts are kept here")
    parser.add_argument("--out", type=Path, default=Path("plugins/ucdver_kcdp/emoji_small"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=PARTS[:2], help="train this part alone, and write nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    training = Training(arguments.work, arguments.seed)
    if arguments.only:
        getattr(training, arguments.only)()
        return
    vae, of_vae = training.vae()
    projections, of_projections = training.image_text()
    unet, of_unet = training.unet(vae, projections)
    write(arguments.out, projections, vae, unet)
    told = dict(zip(PARTS, (of_vae, of_projections, of_unet), strict=True))
    write_record(arguments.out, training.drawings, arguments.seed, told)
    write_licence(arguments.out)
    training.say(f"written to {arguments.out}")


if __name__ == "__main__":
    main()
