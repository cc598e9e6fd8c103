"""What a plugin hands over: specs that name their target lazily as "module:attr"."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, NonNegativeInt, model_validator

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
    dependency group that the method needs. `backbones` names those that it can work with, the cheapest first; empty
    means any. With `needs_images` it is not applicable to a recipe of frozen features. `unfit`, when given, is
    `(task: Task, recipe: Recipe) -> str` and says why the method is not defined for a task (too few sources, another
    kind of network), or nothing where it is. Without `reads_target` it looks at the source alone, even where a phase
    shows the target: target images are then neither read nor augmented in training, and no number moves. `note` is a
    sentence that stands under every table with the method: where a published protocol differs, or what the method
    leaves unused.
    """

    name: Name
    version: str
    target: Target
    settings: tuple[Setting, ...]
    summary: str
    paper: str = ""
    extra: str = ""
    oracle: bool = False
    backbones: tuple[Name, ...] = ()
    needs_images: bool = False
    reads_target: bool = True
    note: str = ""
    unfit: Target | None = None


class DatasetSpec(Value):
    """A data set. `reader` is `(root: Path) -> Iterable[Row]`; `loader`, when given, replaces the image-file decoder.

    `loader` is `(root: Path) -> Callable[[str, ImageRecipe], PIL.Image.Image]`: it opens what is shared once, and the
    function it returns draws the picture of one row's `path`. `fetch` is `(root: Path) -> None` and fills an empty
    folder. `label_spaces` names the spaces for which rows carry labels, the first being the usual one. Where there
    are `options`, the reader is `(root, options) -> Iterable[Row]`, so that one reader serves several data sets.
    `caution` is for pictures that are no evidence about the real task: it stands under every table made with them, and
    no suite may mix them with data sets that have none.

    `may_miss_files` is for a release that lists pictures to be got from elsewhere, some of which are gone by now: a row
    whose file is absent is then left out and counted, where it is an error otherwise. `histogram` is the published
    number of pictures by split (`train`, `val`, `test`, or empty for all of them together) and class, in the first of
    the label spaces that has all these classes; `ucdver data check` compares it with what is there.
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
    may_miss_files: bool = False
    histogram: dict[Literal["", "train", "val", "test"], dict[str, NonNegativeInt]] = {}
    options: dict[str, str | tuple[str, ...]] = {}


class BackboneSpec(Value):
    """A backbone, or a family of them.

    `target` is `(name: str, weights: Path | None, channels: int) -> Backbone`. `weights` lists where they may come
    from; `locate` is `(name: str, source: str) -> Path` and finds the file for `package` and `hub`. A `family` answers
    for every name that `names` (a `() -> list[str]`) gives. `note` is a sentence that stands under every table made
    with its weights: what they saw, where that is not well known.
    """

    name: Name
    target: Target
    weights: tuple[Literal["none", "path", "package", "hub"], ...]
    summary: str
    locate: Target | None = None
    family: bool = False
    names: Target | None = None
    licence: str = ""
    note: str = ""


class MetricSpec(Value):
    """A metric: `(y_true: int64 [N], probabilities: float64 [N, K], space: LabelSpace) -> float`.

    `needs` says what the label space must declare, or, `soft`, that the images must carry soft labels; elsewhere the
    metric is not applicable. With `levels`, `depth` is how many levels the space must have. With `soft`, the first
    argument is `soft: float64 [N, K]`, one distribution an image, of the images that have one. `reads` says whether
    more of the probabilities counts than which is the highest; a metric that reads `class` alone is defined on runs
    that were published with predicted classes in place of logits too.
    """

    name: Name
    target: Target
    higher_is_better: bool
    summary: str
    needs: Literal["", "polarity", "wheel", "levels", "soft"] = ""
    depth: int = Field(default=1, ge=1)
    percent: bool = True
    reads: Literal["probabilities", "class"] = "probabilities"


class ValidatorSpec(Value):
    """A selection rule: a function whose parameter names say which saved outputs it reads, and which returns a score.

    `scope` says what its scores compare: `checkpoint`, any two runs on one task; `method`, only runs of one method.
    An `oracle` alone may read `labelled_target`. `version` is part of the name under which a score is remembered: raise
    it whenever a change can move one.
    """

    name: Name
    version: str = "1"
    target: Target
    scope: Literal["checkpoint", "method"]
    higher_is_better: bool
    summary: str
    oracle: bool = False
    paper: str = ""


#: What an annotator may read beside other annotators' output; `text` is what the annotator of that name gives.
INPUTS = ("image", "digest", "text", "topic")


class AnnotatorSpec(Value):
    """Something computed once per image and cached: captions, tokens, embeddings, topics, latents.

    `target` is a subclass of `ucdver.Annotator`. `kind` says what it gives: a text, or a tensor that methods can ask
    for as an extra. `reads` is what it is given: any of `image`, `digest` (sha256 of the image's file), `text`,
    `topic`, and names of other annotators. `version` is part of the key of every run that needs it. With `views` it
    gives a tensor [n, V, N, ...] of versions of each picture, the first being of the picture as it is: a step is given
    one of them, drawn anew, and prediction the first.
    """

    name: Name
    version: str
    target: Target
    summary: str
    kind: Literal["text", "tensor"]
    reads: tuple[Name, ...] = Field(min_length=1)
    paper: str = ""
    licence: str = ""
    extra: str = ""
    views: bool = False

    @model_validator(mode="after")
    def _check(self) -> AnnotatorSpec:
        if self.views and self.kind != "tensor":
            raise ValueError(f"annotator '{self.name}' has views, which only kind 'tensor' can have")
        if len(set(self.reads)) != len(self.reads):
            raise ValueError(f"annotator '{self.name}' reads something twice")
        return self


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
