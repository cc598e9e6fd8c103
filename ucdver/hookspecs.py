"""The hooks of ucdver. A plugin implements any of them with `@ucdver.hookimpl`.

The collecting hooks take no argument and return a list of specs or values. They are called once, when the registry is
built, so they must be cheap: a spec names its class or function as "module:attr", and the module is imported only
when it is used. The observing hooks are told about runs; what they raise is logged and never fails a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import typer

    from ucdver.spec.labels import LabelMap, LabelSpace
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
    from ucdver.spec.protocol import Protocol
    from ucdver.spec.run import RunRecord, RunSpec
    from ucdver.spec.task import Task

hookspec = pluggy.HookspecMarker("ucdver")
hookimpl = pluggy.HookimplMarker("ucdver")


@hookspec
def ucdver_methods() -> Sequence[MethodSpec]:  # type: ignore[empty-body]
    """Return the methods this plugin adds."""


@hookspec
def ucdver_datasets() -> Sequence[DatasetSpec]:  # type: ignore[empty-body]
    """Return the data sets this plugin can read."""


@hookspec
def ucdver_label_spaces() -> Sequence[LabelSpace]:  # type: ignore[empty-body]
    """Return the label spaces this plugin declares."""


@hookspec
def ucdver_label_maps() -> Sequence[LabelMap]:  # type: ignore[empty-body]
    """Return the maps between label spaces that this plugin declares."""


@hookspec
def ucdver_tasks() -> Sequence[Task]:  # type: ignore[empty-body]
    """Return named tasks, which a suite can list by their id."""


@hookspec
def ucdver_protocols() -> Sequence[Protocol]:  # type: ignore[empty-body]
    """Return protocols, which a suite names."""


@hookspec
def ucdver_suites() -> Sequence[SuiteSpec]:  # type: ignore[empty-body]
    """Return suites that ship inside this plugin's package."""


@hookspec
def ucdver_backbones() -> Sequence[BackboneSpec]:  # type: ignore[empty-body]
    """Return backbones, or families of them."""


@hookspec
def ucdver_annotators() -> Sequence[AnnotatorSpec]:  # type: ignore[empty-body]
    """Return annotators, which compute something once per image."""


@hookspec
def ucdver_metrics() -> Sequence[MetricSpec]:  # type: ignore[empty-body]
    """Return metrics, which are computed from saved predictions."""


@hookspec
def ucdver_validators() -> Sequence[ValidatorSpec]:  # type: ignore[empty-body]
    """Return selection rules, which read saved outputs."""


@hookspec
def ucdver_executors() -> Sequence[ExecutorSpec]:  # type: ignore[empty-body]
    """Return executors, which carry out runs."""


@hookspec
def ucdver_exporters() -> Sequence[ExporterSpec]:  # type: ignore[empty-body]
    """Return exporters, which write a leaderboard."""


@hookspec
def ucdver_commands(app: typer.Typer) -> None:
    """Add commands to `app`."""


@hookspec
def ucdver_run_started(spec: RunSpec) -> None:
    """Be told that a run begins."""


@hookspec
def ucdver_run_finished(record: RunRecord) -> None:
    """Be told that a run ended with a result."""


@hookspec
def ucdver_run_failed(record: RunRecord) -> None:
    """Be told that a run ended without one."""
