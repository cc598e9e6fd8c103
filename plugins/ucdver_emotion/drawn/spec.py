"""What the plugin registers of the drawn faces; no image library is imported here."""

from __future__ import annotations

from ucdver import DatasetSpec, SuiteSpec
from ucdver_emotion.drawn.knobs import DOMAINS

DRAWN = DatasetSpec(
    name="drawn",
    version="1",
    reader="ucdver_emotion.drawn.dataset:read",
    loader="ucdver_emotion.drawn.dataset:loader",
    fetch="ucdver_emotion.drawn.dataset:fetch",
    domains=tuple(DOMAINS),
    label_spaces=("ekman7", "ekman6"),
    summary="faces drawn from facial action units in five styles, with knobs; a controlled study",
    licence="Apache-2.0, drawn by ucdver",
    obtain="ucdver data fetch drawn",
    paper="Ekman, Friesen & Hager, Facial Action Coding System: The Manual, 2002",
    caution="drawn by the project, a controlled study: it says how methods answer to a knob, nothing of real pictures",
)

DRAWN_SUITE = SuiteSpec(
    name="drawn_shift",
    resource="ucdver_emotion:suites/drawn_shift.toml",
    summary="drawn by the project, a controlled study: accuracy against variability, label shift and label noise",
)
