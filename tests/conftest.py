"""Settings of every test."""

from __future__ import annotations

import os

from hypothesis import settings

# No test may fetch gigabytes of weights because a hub happens to answer; read when huggingface_hub is imported.
os.environ["HF_HUB_OFFLINE"] = "1"

# Without a deadline: how long a first import takes on a busy machine says nothing about a property.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
