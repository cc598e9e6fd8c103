"""From (seed, domain, index) to a face: its class, its label, its expression and the head that wears it.

Every face has random numbers of its own, from a counter-based generator: it does not depend on how many are drawn.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from ucdver_emotion.drawn.action_units import ACTION_UNITS, CLASSES, OPTIONAL, PROTOTYPES, Expression
from ucdver_emotion.drawn.knobs import Knobs, knobs_of

SKINS = ("#fbe0cc", "#f3c9a5", "#e6b48a", "#d19b6c", "#b07a4c", "#8a5a36", "#6b4226", "#f7d774")
HAIRS = ("#2a2019", "#4a3222", "#7a4f2a", "#b98a4a", "#d9c07a", "#8f8f93", "#7d2f1c")
PAPERS = ("#dfeaf2", "#f2e8dc", "#e4efe0", "#efe0ea", "#f6f2d5", "#d8d8e6")
IRISES = ("#4b3220", "#35627d", "#4f7040", "#2b2b2b")
HAIRCUTS = ("none", "short", "fringe", "long")

#: Standard deviation of an action unit's own intensity at variability 1; the manual's grades lie about .2 apart.
_JITTER = 0.22
#: Share of its intensity that an expression may lack at variability 1. A class must stay visible in the faintest.
_FADE = 0.7
#: Probability of one optional unit at variability 1.
_OPTIONAL = 0.5


@dataclass(frozen=True)
class Look:
    """The head: colours, proportions (around 1 or 0) and pose (degrees, and units of a picture 100 wide)."""

    skin: str
    hair: str
    paper: str
    iris: str
    haircut: str
    width: float
    height: float
    eye_apart: float
    eye_size: float
    brow_weight: float
    mouth_width: float
    nose_length: float
    stroke: float
    tilt: float
    shift_x: float
    shift_y: float
    scale: float
    hand: int


@dataclass(frozen=True)
class Sample:
    """One face: the class that is drawn, the label that is given, and what is drawn of it.

    Attributes:
        drawn: the class whose expression it is.
        given: the label, another class where the noise struck.
        expression: intensity by action unit, in [0, 1]; absent ones are 0.
        look: the head.
    """

    drawn: str
    given: str
    expression: Expression
    look: Look


def sample(seed: int, domain: str, index: int) -> Sample:
    """Return face number `index` of a domain; a domain that is not drawn is a DataError."""
    knobs = knobs_of(domain)
    rng = _generator(seed, domain, index)
    # The order of the draws is part of the data set's version.
    drawn = CLASSES[int(np.searchsorted(np.cumsum(knobs.prior())[:-1], rng.random(), side="right"))]
    given = _label(drawn, knobs, rng)
    return Sample(drawn, given, _expression(drawn, knobs.spread, rng), _look(rng))


def soft_label(given: str, knobs: Knobs) -> dict[str, float]:
    """Return the probability of each class given the label: Bayes, from the noise and the prior that are known."""
    others = len(CLASSES) - 1
    joint = {
        name: p * (1 - knobs.flip if name == given else knobs.flip / others)
        for name, p in zip(CLASSES, knobs.prior(), strict=True)
    }
    total = sum(joint.values())
    return {name: value / total for name, value in joint.items()}


def _generator(seed: int, domain: str, index: int) -> np.random.Generator:
    key = int.from_bytes(hashlib.sha256(f"drawn/{seed}/{domain}".encode()).digest()[:16], "big")
    # A face draws far fewer than 2^64 numbers, so faces that differ in the second word never share one.
    return np.random.Generator(np.random.Philox(key=key, counter=[0, index, 0, 0]))


def _label(drawn: str, knobs: Knobs, rng: np.random.Generator) -> str:
    strikes, other = rng.random(), int(rng.integers(len(CLASSES) - 1))
    if strikes >= knobs.flip:
        return drawn
    return [name for name in CLASSES if name != drawn][other]


def _expression(drawn: str, spread: float, rng: np.random.Generator) -> Expression:
    """Return the prototype, faded as a whole, each unit jittered, now and then with an optional one."""
    fade = 1.0 - spread * _FADE * rng.random()
    # Drawn for every unit, so that one class takes as many random numbers as another.
    jitter = dict(zip(ACTION_UNITS, rng.normal(0, _JITTER * spread, len(ACTION_UNITS)), strict=True))
    joins, which, strength = rng.random() < _OPTIONAL * spread, rng.random(), rng.uniform(0.3, 0.8)
    units = {unit: wanted * fade + float(jitter[unit]) for unit, wanted in PROTOTYPES[drawn].items()}
    if joins:
        options = OPTIONAL[drawn]
        unit = options[int(which * len(options))]
        units[unit] = units.get(unit, 0.0) + strength * fade
    stray = {unit: float(jitter[unit]) for unit in ACTION_UNITS if unit not in units}
    # What is not of the expression only trembles: a face at rest is not a mask.
    units |= {unit: 0.35 * value for unit, value in stray.items() if value > 0}
    return {unit: float(np.clip(value, 0.0, 1.0)) for unit, value in sorted(units.items())}


def _look(rng: np.random.Generator) -> Look:
    def pick(table: tuple[str, ...]) -> str:
        return table[int(rng.integers(len(table)))]

    return Look(
        skin=pick(SKINS),
        hair=pick(HAIRS),
        paper=pick(PAPERS),
        iris=pick(IRISES),
        haircut=pick(HAIRCUTS),
        width=float(rng.uniform(0.9, 1.08)),
        height=float(rng.uniform(0.94, 1.06)),
        eye_apart=float(rng.uniform(0.92, 1.08)),
        eye_size=float(rng.uniform(0.9, 1.15)),
        brow_weight=float(rng.uniform(0.75, 1.3)),
        mouth_width=float(rng.uniform(0.9, 1.12)),
        nose_length=float(rng.uniform(0.85, 1.15)),
        stroke=float(rng.uniform(0.85, 1.25)),
        tilt=float(rng.normal(0, 4)),
        shift_x=float(rng.uniform(-3, 3)),
        shift_y=float(rng.uniform(-3, 3)),
        scale=float(rng.uniform(0.9, 1.05)),
        hand=int(rng.integers(2**31)),
    )
