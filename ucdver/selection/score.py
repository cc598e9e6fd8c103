"""From a registered rule and one checkpoint's outputs to a score; the only place where a rule is called."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ucdver.discovery import attempt, reason
from ucdver.errors import DataError, PluginError, UcdverError, suggestion
from ucdver.registry import Registry, load_callable
from ucdver.seeds import scoped_seed
from ucdver.selection.outputs import PARTS, READABLE, LabelledTarget, read_part
from ucdver.spec.plugin import ValidatorSpec
from ucdver.spec.protocol import Protocol

Score = Callable[..., float]


def load_rule(registry: Registry, name: str) -> tuple[ValidatorSpec, Score, tuple[str, ...]]:
    """Return a rule's spec, its function and what that reads.

    Raises:
        PluginError: there is no such rule, it cannot be loaded, it reads what there is not, or it reads target labels
            and is not registered as an oracle.
    """
    spec = registry.validators.get(name)
    function = load_callable(spec.target, f"validator '{name}'")
    reads = tuple(inspect.signature(function).parameters)
    for parameter in reads:
        if parameter not in READABLE:
            hint = suggestion(parameter, READABLE, f"there are {', '.join(READABLE)}")
            raise PluginError(f"validator '{name}' reads '{parameter}', which no checkpoint has", hint)
    if "labelled_target" in reads and not spec.oracle:
        raise PluginError(f"validator '{name}' reads target labels", "register it with oracle=True; it is not ranked")
    return spec, function, reads


def unfit(protocol: Protocol, name: str, reads: tuple[str, ...]) -> str:
    """Return why a rule has no meaning under a protocol, or an empty string."""
    if protocol.setting == "uc" and any(part.startswith("target_") for part in reads):
        return f"{name} reads the unlabelled target, which the setting 'uc' never shows"
    if protocol.setting == "sfda" and any(part.startswith("source_") for part in reads):
        return f"{name} reads the source, which is gone when the setting 'sfda' adapts"
    return ""


def compute_score(
    registry: Registry, name: str, outputs: Path, step: int, labelled_target: LabelledTarget | None = None
) -> float:
    """Return a rule's score for one checkpoint.

    Args:
        registry: where the rule is looked up.
        name: the rule.
        outputs: the file that the checkpoint left; only the parts that the rule names are read.
        step: steps done.
        labelled_target: given to an oracle that asks for it, and to nobody else.

    Raises:
        DataError: a part is lacking or damaged, or the rule raises, or its score is not finite.
        PluginError: see `load_rule`.
    """
    _, function, reads = load_rule(registry, name)
    arguments: dict[str, Any] = {part: read_part(outputs, part) for part in reads if part in PARTS}
    if "step" in reads:
        arguments["step"] = step
    if "labelled_target" in reads:
        arguments["labelled_target"] = labelled_target
    with scoped_seed("validator", name):
        found, error = attempt(lambda: float(function(**arguments)))
    if isinstance(error, UcdverError):
        # What an oracle's metric says of itself: that it is not defined here, say, is no fault of the run.
        raise error
    if error is not None:
        raise DataError(f"validator '{name}' at step {step}: raised {reason(error)}") from error
    value: float = found
    if not math.isfinite(value):
        raise DataError(f"validator '{name}' is {value} at step {step}")
    return value
