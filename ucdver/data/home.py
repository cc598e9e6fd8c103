"""The folder in which ucdver keeps what it fetched, decoded and computed."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def data_home() -> Path:
    """Return $UCDVER_HOME where it is set, else the user's cache folder for ucdver; it need not exist yet."""
    chosen = os.environ.get("UCDVER_HOME", "")
    return Path(chosen).expanduser().absolute() if chosen else Path(platformdirs.user_cache_dir("ucdver"))
