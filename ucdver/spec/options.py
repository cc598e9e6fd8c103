"""The options of a method or an annotator, checked against its `Config`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from ucdver.discovery import attempt, reason
from ucdver.errors import ConfigError, UcdverError, suggestion

C = TypeVar("C", bound=BaseModel)


def checked_options(owner: str, config: type[C], given: Mapping[str, Any]) -> C:
    """Return an instance of `config` with `given` over its defaults.

    Args:
        owner: how errors call it, as in "method 'dann'".
        config: the class of its options.
        given: options by name.

    Raises:
        ConfigError: an option is not known or not valid.
    """
    known = list(config.model_fields)
    for field in given:
        if field not in known:
            hint = suggestion(field, known, f"it has {', '.join(known)}" if known else "it has no options")
            raise ConfigError(f"{owner} has no option '{field}'", hint, field)
    if field := false_number(config, given):
        raise ConfigError(f"{owner}, option '{field}': {str(given[field]).lower()} is no number", "", field)
    made, error = attempt(lambda: config.model_validate(dict(given)))
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        # Options that are wrong together are no one field's fault.
        told = f"{owner}, option '{field}': {message}" if field else f"{owner}: {message}"
        raise ConfigError(told, "", field) from error
    if isinstance(error, UcdverError):
        raise error
    if error is not None:
        # Of its own checks pydantic takes a ValueError and an AssertionError for a refusal, and lets the rest through.
        raise ConfigError(f"{owner}: its Config raised {reason(error)}") from error
    return made


def false_number(model: type[BaseModel], given: Mapping[str, Any]) -> str:
    """Return the first field whose value is true or false where a number belongs, which pydantic takes for 1 or 0."""
    for name, field in model.model_fields.items():
        if isinstance(given.get(name), bool) and _is_number(field.annotation):
            return name
    return ""


def _is_number(annotation: Any) -> bool:
    # As deep as a choice between a bounded number and words; what bounds it need not be hashable.
    within = [kind for arg in (annotation, *get_args(annotation)) for kind in (arg, *get_args(arg))]
    kinds = {type(kind) if isinstance(kind, int | float) else kind for kind in within if _is_kind(kind)}
    return bool(kinds & {int, float}) and bool not in kinds


def _is_kind(found: Any) -> bool:
    return isinstance(found, type | int | float)
