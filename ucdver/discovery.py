"""Where plugins are found: the entry points of every distribution, and a `ucdver_local.py` in a folder.

UCDVER_PLUGINS and UCDVER_DISABLE_PLUGINS choose among them by the name of a plugin or of its distribution.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, TypeVar

from ucdver.errors import PluginError, UcdverError, closest
from ucdver.registry import BrokenPlugin

GROUP = "ucdver"
LOCAL_FILE = "ucdver_local.py"
LOCAL_MODULE = "ucdver_local"
PRIVATE_PREFIX = "_ucdver_local_"

_LOCAL_NAMES = {"ucdver-local", "ucdver-local-py"}

T = TypeVar("T")


@dataclass(frozen=True)
class Candidate:
    """A plugin before it is imported; `load` imports it."""

    name: str
    distribution: str
    version: str
    load: Callable[[], object]

    @property
    def id(self) -> str:
        """The name under which pluggy knows it, unique among all distributions."""
        return f"{self.distribution}:{self.name}"


@dataclass(frozen=True)
class Found:
    """What `discover` saw: plugins in loading order, those that cannot be read, and lines for the user."""

    candidates: tuple[Candidate, ...]
    broken: tuple[BrokenPlugin, ...]
    warnings: tuple[str, ...]


def discover(folder: Path | None) -> Found:
    """Return the entry points and then the local plugin of `folder`, as far as the environment lets them be.

    UCDVER_PLUGINS, when set, leaves only the entry points it names; UCDVER_DISABLE_PLUGINS blocks those it
    names and, as `ucdver_local`, the local plugin.
    """
    points, broken = _entry_points()
    only, blocked = _named("UCDVER_PLUGINS"), _named("UCDVER_DISABLE_PLUGINS")
    restricted = "UCDVER_PLUGINS" in os.environ
    known = {_canonical(n) for c in points for n in (c.name, c.distribution)} | _LOCAL_NAMES
    warnings = []
    for variable, names in (("UCDVER_PLUGINS", only), ("UCDVER_DISABLE_PLUGINS", blocked)):
        for name in sorted(names - known):
            near = closest(name, known)
            hint = f": did you mean '{near}'?" if near else ""
            warnings.append(f"{variable} names '{name}', but no plugin or distribution is called that{hint}")
    chosen = []
    for candidate in points:
        names = {_canonical(candidate.name), _canonical(candidate.distribution)}
        if not names & blocked and (names & only or not restricted):
            chosen.append(candidate)
    if folder is not None and not blocked & _LOCAL_NAMES:
        chosen.append(_local_candidate(folder / LOCAL_FILE))
    return Found(tuple(chosen), broken, tuple(warnings))


def attempt(call: Callable[[], T], otherwise: Any = None) -> tuple[T, BaseException | None]:
    """Return (result, None) or (otherwise, error), whatever a plugin throws short of an interrupt."""
    try:
        return call(), None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the one fence between a plugin's faults and the rest
        return otherwise, error


def fenced(owner: str, call: Callable[[], T], hint: str = "") -> T:
    """Call a plugin's code; what it raises, but for an error in words, is a PluginError that names `owner`."""
    found, error = attempt(call)
    if error is None:
        return found
    if isinstance(error, UcdverError):
        raise error
    raise PluginError(f"{owner} raised {reason(error)}", hint) from error


def worded(
    kind: type[UcdverError],
    problem: str,
    call: Callable[[], T],
    hint: str = "",
    passed: tuple[type[BaseException], ...] = (MemoryError,),
) -> T:
    """Call a plugin's code; what it raises, but for errors in words and those `passed`, is a `kind` with `problem`."""
    found, error = attempt(call)
    if error is None:
        return found
    if isinstance(error, (UcdverError, *passed)):
        raise error
    raise kind(f"{problem}: {type(error).__name__}: {_said(error)}", hint) from error


def reason(error: BaseException | None) -> str:
    """Return one line: what was raised, and the last line of source outside the loader that led to it."""
    if error is None:
        return ""
    # The address that pydantic appends to every fault helps nobody in a table.
    text = " ".join(line for line in _said(error).split("\n") if "errors.pydantic.dev" not in line)
    text = " ".join(text.split())
    if isinstance(error, PluginError):
        return text
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen")]
    own = {__file__, importlib.__file__, importlib.metadata.__file__}
    place = next((f" ({f.filename}:{f.lineno})" for f in reversed(frames) if f.filename not in own), "")
    return f"{type(error).__name__}: {text}" + ("" if isinstance(error, SyntaxError) else place)


def _said(error: BaseException) -> str:
    # Of a plugin's own exception even the words may fail.
    said, _ = attempt(lambda: str(error), "it cannot say what is wrong")
    return said


def _entry_points() -> tuple[list[Candidate], tuple[BrokenPlugin, ...]]:
    """Return the entry points of all distributions, ucdver's own first: a clash then blames the newcomer."""
    found: dict[str, list[Candidate]] = {}
    broken = []
    for distribution in importlib.metadata.distributions():
        text, error = attempt(functools.partial(distribution.read_text, "entry_points.txt"))
        if error is None and GROUP not in (text or ""):
            continue
        (name, version), damage = attempt(functools.partial(_name_and_version, distribution), ("", ""))
        points, failure = attempt(functools.partial(_of_group, distribution), [])
        if error is not None or failure is not None:
            why = f"its entry_points.txt cannot be read: {reason(error or failure)}"
            broken.append(BrokenPlugin("entry_points.txt", name or _folder(distribution), why))
        elif damage is not None:
            # Of whom nobody can say which version ran, no run is made, and nobody else is stopped.
            broken.extend(BrokenPlugin(p.name, _folder(distribution), reason(damage)) for p in points)
        elif _canonical(name) not in found and not _is_shadowed(name, text):
            found[_canonical(name)] = [Candidate(p.name, name, version, p.load) for p in points]
    every = [candidate for candidates in found.values() for candidate in candidates]
    order = sorted(every, key=lambda c: (c.distribution != GROUP, _canonical(c.distribution), c.name))
    return order, tuple(broken)


def _name_and_version(distribution: importlib.metadata.Distribution) -> tuple[str, str]:
    """Return what METADATA says; a PluginError where that is absent, damaged or lacks one of them."""
    found, error = attempt(lambda: (distribution.metadata["Name"], distribution.metadata["Version"]), ("", ""))
    if error is not None:
        raise PluginError(f"its METADATA cannot be read: {reason(error)}; reinstall it")
    if not all(found):
        raise PluginError("its METADATA is absent or names no version; reinstall it")
    return found


def _folder(distribution: importlib.metadata.Distribution) -> str:
    """Return the name of the folder of a distribution whose METADATA does not say how it is called."""
    place = getattr(distribution, "_path", None)
    return str(getattr(place, "name", "")) or "a distribution without a name"


def _of_group(distribution: importlib.metadata.Distribution) -> list[importlib.metadata.EntryPoint]:
    return [point for point in distribution.entry_points if point.group == GROUP]


def _is_shadowed(name: str, entry_points: str | None) -> bool:
    """Say whether another copy of the distribution stands earlier on the path, as in stacked environments."""
    active, error = attempt(lambda: importlib.metadata.distribution(name).read_text("entry_points.txt"))
    return error is None and active != entry_points


def _named(variable: str) -> set[str]:
    return {_canonical(part.strip()) for part in os.environ.get(variable, "").split(",") if part.strip()}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _local_candidate(path: Path) -> Candidate:
    # A file has no version; the hash of its text is what tells two states of it apart.
    text, _ = attempt(path.read_bytes, b"")
    version = hashlib.sha256(text).hexdigest()[:12]
    return Candidate(LOCAL_MODULE, LOCAL_FILE, version, functools.partial(_import_file, path))


class _FromText(importlib.machinery.SourceFileLoader):
    """Compile the file as it stands.

    Python takes bytecode of the same second and size for current, so that an edit at once would run the code
    before it under the hash of the code after it.
    """

    def get_code(self, fullname: str) -> CodeType:
        filename = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(filename), filename)
        return code


def _import_file(path: Path) -> ModuleType:
    name = PRIVATE_PREFIX + hashlib.sha256(str(path).encode()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(name, path, loader=_FromText(name, str(path)))
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
