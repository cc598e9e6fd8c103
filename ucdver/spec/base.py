"""The base of every declared value: frozen, strict about unknown keys, and canonical as JSON."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")


def _check_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(f"'{value}' is not a name: use letters, digits and _ . + -")
    return value


Name = Annotated[str, AfterValidator(_check_name)]


class Value(BaseModel):
    """A frozen value; unknown keys are refused, so a misspelt option can never be ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def canonical_json(value: object) -> str:
    """Return `value` (JSON types only) as text that does not depend on key order or spacing."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def sha256_of(value: object) -> str:
    """Return the sha256 of the canonical JSON of `value`, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def first_fault(error: ValueError) -> str:
    """Return on one line where a value that was read is wrong first, and how."""
    if not isinstance(error, ValidationError):
        return (str(error).splitlines() or [type(error).__name__])[0]
    fault = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def of_another_version(error: ValueError) -> bool:
    """Return whether there are unknown fields, and nothing else is wrong but fields that lack: nothing was damaged."""
    kinds = {fault["type"] for fault in error.errors()} if isinstance(error, ValidationError) else set()
    return "extra_forbidden" in kinds and kinds <= {"extra_forbidden", "missing"}
