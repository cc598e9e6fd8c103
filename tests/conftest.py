"""Settings of every test."""

from __future__ import annotations

from hypothesis import settings

# Without a deadline: how long a first import takes on a busy machine says nothing about a property.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
