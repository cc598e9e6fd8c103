"""Where and with what a run was made."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import torch

from ucdver.registry import Registry
from ucdver.spec.run import Provenance

_PACKAGES = ("ucdver", "torch", "torchvision", "timm", "numpy", "pillow", "scikit-learn", "resvg-py")


def now() -> str:
    """Return the time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _git(*arguments: str) -> str:
    """Return what git says of the folder of this package, or nothing where it is no checkout."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@functools.cache
def _checkout() -> tuple[str, bool]:
    """Return the commit of this package's checkout, and whether anything in it was changed, once per process.

    Installed below a project that is a repository, the package is no file of it, and the commit would be of another.
    """
    if not _git("ls-files", "--error-unmatch", Path(__file__).name):
        return "", False
    return _git("rev-parse", "HEAD"), bool(_git("status", "--porcelain"))


def device_name(device: torch.device) -> str:
    """Return the device with its product name, as in "cuda (NVIDIA H100)"."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return f"{device.type} ({platform.processor() or platform.machine()})"


def collect(registry: Registry, device: torch.device, started: str, method_sha256: str) -> Provenance:
    """Return the provenance of a run that began at `started` and ends now."""
    commit, dirty = _checkout()
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return Provenance(
        started=started,
        finished=now(),
        host=socket.gethostname(),
        device=device_name(device),
        threads=torch.get_num_threads(),
        python=platform.python_version(),
        platform=platform.platform(),
        packages=packages,
        plugins={plugin.name: plugin.version for plugin in registry.plugins},
        method_source_sha256=method_sha256,
        git_commit=commit,
        git_dirty=dirty,
    )
