"""The options of a method or an annotator, checked against its `Config`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ucdver.errors import ConfigError, suggestion

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
    try:
        return config.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{owner}, option '{field}': {message}", "", field) from error
