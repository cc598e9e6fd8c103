"""The errors a user can meet, each carrying what is wrong, where, and what to type next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UcdverError(Exception):
    """Base of every error that the command line shows as one line, without a traceback.

    Args:
        problem: what is wrong, naming the place (file and line, plugin, method, image).
        hint: what to type or change next; may be empty.
    """

    exit_code = 2

    def __init__(self, problem: str, hint: str = "") -> None:
        self.problem = problem
        self.hint = hint
        super().__init__(f"{problem}; {hint}" if hint else problem)

    def __reduce__(self) -> tuple[type[UcdverError], tuple[str, str]]:
        """Keep both parts when the error crosses a process border."""
        return type(self), (self.problem, self.hint)


class SpecError(UcdverError):
    """A value, suite or configuration is not valid."""


class ConfigError(SpecError):
    """An option of a method is not known or not valid; `field` names it, so that a file can be searched for it."""

    def __init__(self, problem: str, hint: str = "", field: str = "") -> None:
        super().__init__(problem, hint)
        self.field = field


class PluginError(UcdverError):
    """A plugin is broken, misspelt, duplicated or missing."""


class DataError(UcdverError):
    """A data set is absent, damaged or does not fit the task."""


class FetchError(DataError):
    """Data could not be fetched, or what came is not what was pinned."""


class WeightsError(UcdverError):
    """Pretrained weights are absent or do not fit the network."""


class RunError(UcdverError):
    """A run ended without a result."""

    exit_code = 1


class NonFiniteLossError(RunError):
    """A loss became NaN or infinite; the message holds the step and every loss term."""


class RunLockedError(RunError):
    """Another process is working on this run."""


def closest(name: str, known: Iterable[str]) -> str:
    """Return the known name most like `name`, or an empty string when none is near."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return matches[0] if matches else ""


def suggestion(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return "did you mean ...?" when a known name is near, else `otherwise`."""
    near = closest(name, known)
    return f"did you mean '{near}'?" if near else otherwise
