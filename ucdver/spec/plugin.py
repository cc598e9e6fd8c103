"""What a plugin hands over: specs that name their target lazily as "module:attr"."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ucdver.spec.base import Name, Value
from ucdver.spec.protocol import Setting


def _check_target(value: str) -> str:
    module, colon, attr = value.partition(":")
    if not (colon and module and attr):
        raise ValueError(f"'{value}' is not a target: write package.module:attribute")
    return value


Target = Annotated[str, AfterValidator(_check_target)]


class MethodSpec(Value):
    """A method. `oracle` marks one that is given target labels: it is shown, and never ranked.

    `version` is part of every run key: raise it whenever a change can move a result. `extra` names the optional
    dependency group that the method needs.
    """

    name: Name
    version: str
    target: Target
    settings: tuple[Setting, ...]
    summary: str
    paper: str = ""
    extra: str = ""
    oracle: bool = False


class DatasetSpec(Value):
    """A data set. `reader` is `(root: Path) -> Iterable[Row]`; `loader`, when given, replaces the image-file decoder.

    `loader` is `(root: Path) -> Callable[[str, ImageRecipe], PIL.Image.Image]`: it opens what is shared once, and the
    function it returns draws the picture of one row's `path`. `fetch` is `(root: Path) -> None` and fills an
    empty folder. `label_spaces` names the spaces for which rows carry labels, the first being the usual one.
    `caution` is for pictures that are no evidence about the real task: it stands under every table made with them, and
    no suite may mix them with data sets that have none.
    """

    name: Name
    version: str
    reader: Target
    domains: tuple[Name, ...]
    label_spaces: tuple[Name, ...]
    summary: str
    licence: str
    obtain: str
    paper: str = ""
    caution: str = ""
    loader: Target | None = None
    fetch: Target | None = None


class BackboneSpec(Value):
    """A backbone, or a family of them.

    `target` is `(name: str, weights: Path | None, channels: int) -> Backbone`. `weights` lists where they may come
    from; `locate` is `(name: str, source: str) -> Path` and finds the file for `package` and `hub`. A `family` answers
    for every name that `names` (a `() -> list[str]`) gives.
    """

    name: Name
    target: Target
    weights: tuple[Literal["none", "path", "package", "hub"], ...]
    summary: str
    locate: Target | None = None
    family: bool = False
    names: Target | None = None
    licence: str = ""


class MetricSpec(Value):
    """A metric: `(y_true: int64 [N], probabilities: float64 [N, K], space: LabelSpace) -> float`.

    `needs` says what the label space must declare, or, `soft`, that the images must carry soft labels; elsewhere the
    metric is not applicable. With `levels`, `depth` is how many levels the space must have. With `soft`, the first
    argument is `soft: float64 [N, K]`, one distribution an image, of the images that have one.
    """

    name: Name
    target: Target
    higher_is_better: bool
    summary: str
    needs: Literal["", "polarity", "wheel", "levels", "soft"] = ""
    depth: int = Field(default=1, ge=1)
    percent: bool = True


class ValidatorSpec(Value):
    """A selection rule; the parameter names of its `score` say which saved outputs it reads."""

    name: Name
    target: Target
    scope: Literal["checkpoint", "method"]
    higher_is_better: bool
    summary: str
    oracle: bool = False
    paper: str = ""


class AnnotatorSpec(Value):
    """Something computed once per image and cached by image hash: captions, triples, embeddings, latents."""

    name: Name
    target: Target
    summary: str


class ExecutorSpec(Value):
    """A way of carrying out runs: a class made with `(options, workers)`; see `ucdver.runs.events.Executor`."""

    name: Name
    target: Target
    summary: str
    extra: str = ""


class ExporterSpec(Value):
    """A way of writing a leaderboard: `(board: Leaderboard) -> str`."""

    name: Name
    target: Target
    suffix: str
    summary: str


class SuiteSpec(Value):
    """A suite that ships with a plugin: `resource` is "package:path/inside.toml"."""

    name: Name
    resource: Target
    summary: str
