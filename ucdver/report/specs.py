"""The ways of writing a leaderboard that ship with ucdver, as specs; nothing heavy is imported here."""

from __future__ import annotations

from ucdver.spec.plugin import ExporterSpec

EXPORTERS: tuple[ExporterSpec, ...] = (
    ExporterSpec(name="table", target="ucdver.report.table:export", suffix=".txt", summary="A table for terminals."),
    ExporterSpec(name="md", target="ucdver.report.markdown:export", suffix=".md", summary="A Markdown table."),
    ExporterSpec(
        name="csv",
        target="ucdver.report.delimited:export",
        suffix=".csv",
        summary="One line a cell, fractions in full precision.",
    ),
    ExporterSpec(
        name="latex",
        target="ucdver.report.latex:export",
        suffix=".tex",
        summary="A LaTeX table with booktabs rules.",
    ),
    ExporterSpec(
        name="html",
        target="ucdver.report.html:export",
        suffix=".html",
        summary="A page that needs no other file.",
    ),
    ExporterSpec(
        name="json",
        target="ucdver.report.document:export",
        suffix=".json",
        summary="The whole leaderboard, fractions in full precision.",
    ),
)

#: Those that need tasks of a certain kind, and say so where a suite has none.
FIGURES: tuple[ExporterSpec, ...] = (
    ExporterSpec(
        name="curves",
        target="ucdver.report.figures.curves:export",
        suffix=".svg",
        summary="An SVG figure: scores against the levels of each knob.",
    ),
)
