"""What ucdver itself brings, registered through the same hooks as anybody's plugin."""

from __future__ import annotations

from collections.abc import Sequence

from ucdver.backbones.specs import BACKBONES
from ucdver.data.annotator_specs import ANNOTATORS
from ucdver.evaluate.specs import METRICS
from ucdver.hookspecs import hookimpl
from ucdver.report.specs import EXPORTERS, FIGURES
from ucdver.selection.specs import VALIDATORS
from ucdver.spec.labels import LabelSpace
from ucdver.spec.plugin import (
    AnnotatorSpec,
    BackboneSpec,
    DatasetSpec,
    ExecutorSpec,
    ExporterSpec,
    MethodSpec,
    MetricSpec,
    SuiteSpec,
    ValidatorSpec,
)
from ucdver.spec.protocol import Phase, Protocol, SplitRule

_ADAPT = (Phase(name="adapt", source=True, target=True),)


@hookimpl
def ucdver_methods() -> Sequence[MethodSpec]:
    """The two reference rows of every table."""
    return [
        MethodSpec(
            name="source_only",
            version="1",
            target="ucdver.methods.source_only:SourceOnly",
            settings=("uda", "uc", "sfda"),
            summary="cross entropy on the source, no adaptation",
            reads_target=False,
        ),
        MethodSpec(
            name="target_only",
            version="1",
            target="ucdver.methods.target_only:TargetOnly",
            settings=("uda",),
            summary="cross entropy on the labelled target: an upper bound, never ranked",
            oracle=True,
            reads_target=False,
        ),
    ]


@hookimpl
def ucdver_protocols() -> Sequence[Protocol]:
    """The settings as data: what each phase may see."""
    return [
        Protocol(
            id="uda",
            setting="uda",
            phases=_ADAPT,
            split=SplitRule(kind="all"),
            summary="labelled source and unlabelled target together; tested on the same target images",
        ),
        Protocol(
            id="uda_grouped",
            setting="uda",
            phases=_ADAPT,
            split=SplitRule(kind="grouped"),
            summary="as uda, and the groups tested on are held out of training in every domain",
        ),
        Protocol(
            id="uda_official",
            setting="uda",
            phases=_ADAPT,
            split=SplitRule(kind="official"),
            summary="as uda, with the data set's own training and test images",
        ),
        Protocol(
            id="sfda",
            setting="sfda",
            phases=(
                Phase(name="source", source=True, target=False, share=0.5),
                Phase(name="adapt", source=False, target=True, share=0.5),
            ),
            split=SplitRule(kind="all"),
            summary="first the labelled source alone, then the unlabelled target alone, the source gone",
        ),
        Protocol(
            id="uc",
            setting="uc",
            phases=(Phase(name="train", source=True, target=False),),
            split=SplitRule(kind="all"),
            summary="universal cross-domain: the labelled source only, tested on targets never seen",
        ),
    ]


@hookimpl
def ucdver_label_spaces() -> Sequence[LabelSpace]:
    """The classes of the generated shapes."""
    return [LabelSpace(name="toy3", classes=("disc", "bar", "cross"), source="ucdver.testing.toys")]


@hookimpl
def ucdver_datasets() -> Sequence[DatasetSpec]:
    """Generated shapes, for trying a method out."""
    return [
        DatasetSpec(
            name="toy",
            version="1",
            reader="ucdver.testing.toys:read",
            fetch="ucdver.testing.toys:fetch",
            domains=("filled", "outline", "unrelated"),
            label_spaces=("toy3",),
            summary="generated shapes in three styles; nothing about emotion",
            licence="Apache-2.0 (drawn by ucdver itself)",
            obtain="it is drawn on first use",
        )
    ]


@hookimpl
def ucdver_suites() -> Sequence[SuiteSpec]:
    """A suite of seconds."""
    return [SuiteSpec(name="toy", resource="ucdver:suites/toy.toml", summary="a method tried out in seconds")]


@hookimpl
def ucdver_backbones() -> Sequence[BackboneSpec]:
    """Small networks trained from scratch, timm's family, and one with weights from a package."""
    return BACKBONES


@hookimpl
def ucdver_annotators() -> Sequence[AnnotatorSpec]:
    """The text of an image, and its topic as a number."""
    return ANNOTATORS


@hookimpl
def ucdver_metrics() -> Sequence[MetricSpec]:
    """Metrics of classification, through scikit-learn."""
    return METRICS


@hookimpl
def ucdver_validators() -> Sequence[ValidatorSpec]:
    """Selection rules, of which the oracle is never ranked."""
    return VALIDATORS


@hookimpl
def ucdver_executors() -> Sequence[ExecutorSpec]:
    """Runs in this process, or in several."""
    return [
        ExecutorSpec(
            name="local",
            target="ucdver.runs.executors.local:LocalExecutor",
            summary="one run after the other in this process",
        ),
        ExecutorSpec(
            name="processes",
            target="ucdver.runs.executors.processes:ProcessExecutor",
            summary="several worker processes on this machine; one that dies fails its run and no other",
        ),
    ]


@hookimpl
def ucdver_exporters() -> Sequence[ExporterSpec]:
    """The ways of writing a leaderboard."""
    return (*EXPORTERS, *FIGURES)
