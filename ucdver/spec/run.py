"""One cell of the grid: what is run (`RunSpec`), and what came of it (`RunRecord`)."""

from __future__ import annotations

from typing import Any, Literal

from ucdver.spec.base import Name, Value, sha256_of
from ucdver.spec.protocol import Protocol
from ucdver.spec.recipe import Recipe
from ucdver.spec.task import Task

#: Raised by hand when the loop, the augmentation or a network of ucdver itself comes to give other results.
ENGINE = 2

Status = Literal["done", "failed", "skipped"]


class MethodChoice(Value):
    """A method with its version and its whole configuration, defaults written out."""

    name: Name
    version: str
    config: dict[str, Any] = {}


class RunSpec(Value):
    """Everything declared that can move a result; its `key()` names the run on disk.

    `data` maps each domain to the fingerprint of its rows, `pictures` each data set to the hash of what draws them
    (its version, its loader, the decoder), `labels` each data set to the label map used and the hash of its table (or
    to the space's own name), and `weights_sha256` is empty for a network trained from scratch. `backbone_sha256` is
    the hash of `ucdver_local.py` where that builds the backbone, else empty. `annotations` maps each annotation that
    the method reads to the hash of all that makes it, and `method_weights_sha256` stands for what the method loads by
    itself. Paths, worker counts and device names are no part of it: they go into the record's provenance.
    """

    task: Task
    classes: tuple[str, ...]
    protocol: Protocol
    method: MethodChoice
    recipe: Recipe
    seed: int
    data: dict[str, str]
    labels: dict[str, str]
    pictures: dict[str, str] = {}
    weights_sha256: str = ""
    backbone_sha256: str = ""
    annotations: dict[str, str] = {}
    method_weights_sha256: str = ""
    engine: int = ENGINE

    def key(self) -> str:
        """Return the sha256 of the canonical JSON of the declared values, as 64 hexadecimal digits."""
        declared = self.model_dump(mode="json")
        # What a person reads about a value is not part of what was measured, nor are the other seeds of the suite.
        declared["task"].pop("note")
        declared["protocol"].pop("summary")
        declared["protocol"].pop("seeds")
        # Looking on does not move training: runs with their end as the only checkpoint keep the key they always had.
        if self.protocol.checkpoints == 1:
            declared["protocol"].pop("checkpoints")
        # A path in `backbone` differs between machines; the hash of the weights says what was loaded.
        declared["recipe"]["backbone"] = self.recipe.backbone_name
        if not self.annotations:
            # Left out where there is none, so that a run keeps the key that it had before there were annotations.
            declared.pop("annotations")
        for name in ("method_weights_sha256", "backbone_sha256"):
            if not declared[name]:
                declared.pop(name)
        return sha256_of(declared)


class Cost(Value):
    """What a run cost: parameters, seconds of training, peak memory, microseconds an image at prediction."""

    parameters: int
    trainable_parameters: int
    train_seconds: float
    steps_per_second: float
    peak_memory_bytes: int
    predict_us_per_image: float


class Provenance(Value):
    """Where and with what a run was made; never part of its key."""

    started: str
    finished: str
    host: str
    device: str
    threads: int
    python: str
    platform: str
    packages: dict[str, str]
    plugins: dict[str, str]
    method_source_sha256: str
    git_commit: str = ""
    git_dirty: bool = False


class RunRecord(Value):
    """The outcome of a run: `done`, `failed` with its error and traceback, or `skipped` with the reason."""

    spec: RunSpec
    status: Status
    reason: str = ""
    traceback: str = ""
    selection: dict[str, dict[str, float]] = {}
    cost: Cost | None = None
    provenance: Provenance | None = None
