"""The emotion label spaces, their hierarchies, and the declared maps between them."""

from __future__ import annotations

from ucdver_emotion.label_spaces.maps import LABEL_MAPS
from ucdver_emotion.label_spaces.spaces import EKMAN6, EKMAN7, LABEL_SPACES, MIKELS8

__all__ = ["EKMAN6", "EKMAN7", "LABEL_MAPS", "LABEL_SPACES", "MIKELS8"]
