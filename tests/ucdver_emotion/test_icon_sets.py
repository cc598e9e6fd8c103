from __future__ import annotations

import base64

from ucdver_emotion.icon_sets import ICON_SETS


def test_every_icon_set_is_pinned_by_version_and_hash() -> None:
    assert len({icons.domain for icons in ICON_SETS}) == len(ICON_SETS) == 11
    assert {icons.licence for icons in ICON_SETS} == {"Apache-2.0", "CC-BY-4.0", "CC-BY-SA-4.0", "MIT"}
    for icons in ICON_SETS:
        algorithm, _, digest = icons.integrity.partition("-")
        assert algorithm == "sha512" and len(base64.b64decode(digest, validate=True)) == 64
        assert all(part.isdigit() for part in icons.version.split(".")) and icons.author and icons.url
