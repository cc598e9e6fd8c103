"""The knobs of a drawn domain, and the names of the domains that stand for their levels.

`flat` is a style with every knob at level 0; `flat_shift_2` is the same style with one knob at level 2. No image
library is imported here: the plugin module reads the names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from ucdver import DataError
from ucdver_emotion.drawn.action_units import CLASSES

Style = Literal["shaded", "flat", "outline", "pixel", "chalk"]
Knob = Literal["variability", "shift", "noise"]

STYLES: Final[tuple[str, ...]] = get_args(Style)
KNOBS: Final[tuple[str, ...]] = get_args(Knob)

#: Levels 0 to 4. Variability: 0 draws every expression near its full prototype, 1 anything from a hint to a grimace.
VARIABILITY: Final[tuple[float, ...]] = (0.1, 0.3, 0.5, 0.75, 1.0)
#: Ratio of the likeliest class to the unlikeliest, each step between the same: 1 is a uniform prior.
SHIFT: Final[tuple[float, ...]] = (1.0, 2.0, 5.0, 12.0, 30.0)
#: Probability that the label which is given is another class than the one that was drawn.
NOISE: Final[tuple[float, ...]] = (0.0, 0.1, 0.2, 0.3, 0.45)

LEVELS: Final[int] = 5

#: Which classes a shifted domain has most of, first to last: an order that puts no block of like classes in front.
_SHIFT_ORDER: Final[tuple[str, ...]] = ("fear", "joy", "disgust", "neutral", "sadness", "surprise", "anger")


@dataclass(frozen=True)
class Knobs:
    """How a domain is drawn: its style, and the level of each knob (0 to 4)."""

    style: str
    variability: int = 0
    shift: int = 0
    noise: int = 0

    @property
    def spread(self) -> float:
        """Expression variability within a class, in (0, 1]."""
        return VARIABILITY[self.variability]

    @property
    def flip(self) -> float:
        """The probability that a label is wrong."""
        return NOISE[self.noise]

    def prior(self) -> tuple[float, ...]:
        """Return the probability of each class, in the order of `CLASSES`; it adds up to 1."""
        step = SHIFT[self.shift] ** (-1 / (len(CLASSES) - 1))
        weights = [step ** _SHIFT_ORDER.index(name) for name in CLASSES]
        return tuple(weight / sum(weights) for weight in weights)


def _domains() -> dict[str, Knobs]:
    found = {style: Knobs(style) for style in STYLES}
    for style in STYLES:
        for knob in KNOBS:
            for level in range(1, LEVELS):
                found[f"{style}_{knob}_{level}"] = Knobs(style, **{knob: level})
    return found


#: Every domain by name: five styles, and for each style three knobs at four levels.
DOMAINS: Final[dict[str, Knobs]] = _domains()


def knobs_of(domain: str) -> Knobs:
    """Return the knobs of a domain; a name that is none of `DOMAINS` is a DataError."""
    try:
        return DOMAINS[domain]
    except KeyError:
        hint = "write STYLE or STYLE_KNOB_LEVEL, as in flat_variability_3; 'ucdver show dataset drawn' lists them"
        raise DataError(f"the drawn faces have no domain '{domain}'", hint) from None
