"""The eleven icon sets: where each comes from, what must arrive, and whose art it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class IconSet:
    """One icon set, drawn by one hand, which is one visual domain.

    Attributes:
        domain: the domain's name in the data set.
        package: npm name of the package that carries the art.
        version: its exact version.
        integrity: hash of the package file as npm writes it, `sha512-` and base64.
        licence: SPDX name of the licence of the art.
        author: who made the art, for attribution.
        url: where the art comes from.
        kind: `iconify` (one JSON file of SVG bodies) or `webp` (one picture a file, named by code points).
        suffix: what the set adds to a name when it draws a concept several times; the first drawing is taken.
    """

    domain: str
    package: str
    version: str
    integrity: str
    licence: str
    author: str
    url: str
    kind: Literal["iconify", "webp"] = "iconify"
    suffix: str = ""


ICON_SETS = (
    IconSet(
        domain="noto",
        package="@iconify-json/noto",
        version="1.2.9",
        integrity="sha512-DQiuXENbun41ch+XPSV55H9FaWKpHTyz46YIKtSaKYD4fIDDzL1tR6H4np/T38jfrTAeI3rcKF0mqHYeZVAuaw==",
        licence="Apache-2.0",
        author="Google Inc",
        url="https://github.com/googlefonts/noto-emoji",
    ),
    IconSet(
        domain="noto_v1",
        package="@iconify-json/noto-v1",
        version="1.2.5",
        integrity="sha512-/DsVMius69Q0fRS53z7QK1TROSuar606jiIx+laXtdsYGMXpf6LtHBx6CGfoo3UHHb/XpBsw+1L1x3eyPqMuVA==",
        licence="Apache-2.0",
        author="Google Inc",
        url="https://github.com/googlefonts/noto-emoji",
    ),
    IconSet(
        domain="twemoji",
        package="@iconify-json/twemoji",
        version="1.2.5",
        integrity="sha512-uKpuIEV0v6K5BW3Mjdyl+XKFVAbbcPxAgifKvEMtZoUZB5+YiY5zaMm2uNNCxyXzAWU9yNLlj41WU6/mvgALsw==",
        licence="CC-BY-4.0",
        author="Twitter, Inc and other contributors",
        url="https://github.com/jdecked/twemoji",
    ),
    IconSet(
        domain="openmoji",
        package="@iconify-json/openmoji",
        version="1.2.29",
        integrity="sha512-vXdhkqcXVSO6suy+m9LbcUM3OdVyuNOtpV8/als/WqfkQIRxevL5Geb/g+6GH/Qwnq1OqksEmaDGTCmZ5nFKJQ==",
        licence="CC-BY-SA-4.0",
        author="OpenMoji",
        url="https://github.com/hfg-gmuend/openmoji",
    ),
    IconSet(
        domain="fluent_flat",
        package="@iconify-json/fluent-emoji-flat",
        version="1.2.6",
        integrity="sha512-RY47RgPb47fYUiyrA64sIOL0+UU02s29sXpNBbIQRBUlPlfNFTKUmZDERGuxDs/7yNGWqQYvuaSYM1M4fRXlUw==",
        licence="MIT",
        author="Microsoft Corporation",
        url="https://github.com/microsoft/fluentui-emoji",
    ),
    IconSet(
        domain="fluent_high_contrast",
        package="@iconify-json/fluent-emoji-high-contrast",
        version="1.2.6",
        integrity="sha512-esqhZPpkrF7sNX3NsLoh8KW64okEr/bzko7WNnFP+qTJGAqDPDYjp0925yxuivXy3HtVQB8xhIKu3+Nq1byX5w==",
        licence="MIT",
        author="Microsoft Corporation",
        url="https://github.com/microsoft/fluentui-emoji",
    ),
    IconSet(
        domain="emojione",
        package="@iconify-json/emojione",
        version="1.2.3",
        integrity="sha512-T9+T3HIbJNLKKsmxYKlaYhvnHYkz/HNYTV7SHCXVZPfeUi4FqskY70YeN8yYAZT8cCv7w5vJxS4Q1m8zb9CMMg==",
        licence="CC-BY-4.0",
        author="Emoji One",
        url="https://github.com/EmojiTwo/emojitwo",
    ),
    IconSet(
        domain="emojione_v1",
        package="@iconify-json/emojione-v1",
        version="1.2.3",
        integrity="sha512-UjI2VQEXVtGlPBvQuxEizro7QCgBcJDOYwKUupquvvZ8UV4xOlvm45IU82JYWegiAWLerY79gFLMZ26U6Ms+ww==",
        licence="CC-BY-SA-4.0",
        author="Emoji One",
        url="https://github.com/joypixels/emojione-legacy",
    ),
    IconSet(
        domain="emojione_monotone",
        package="@iconify-json/emojione-monotone",
        version="1.2.1",
        integrity="sha512-cZSNcPsuiAD6HCzCh/2dYKGh3pNI0jJlxBxQWfC33cQsPtqYZqulGBvlkThXYNvDl8VxgVHT9u+izyX/yeEIkA==",
        licence="CC-BY-4.0",
        author="Emoji One",
        url="https://github.com/EmojiTwo/emojitwo",
    ),
    IconSet(
        domain="streamline",
        package="@iconify-json/streamline-emojis",
        version="1.2.4",
        integrity="sha512-iNr9T9XuZVTyQPJO8ZlLxBzPkpi7qMl+z1l0C31vpEMqhPMelth3n7CeWQYtixdetDPdI81yeG4ROqjWpYJE6A==",
        licence="CC-BY-4.0",
        author="Streamline",
        url="https://github.com/webalys-hq/streamline-vectors",
        suffix="-1",
    ),
    IconSet(
        domain="fluent_3d",
        package="@lobehub/fluent-emoji-3d",
        version="1.1.0",
        integrity="sha512-Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g==",
        licence="MIT",
        author="Microsoft Corporation, packaged by LobeHub",
        url="https://github.com/lobehub/fluent-emoji",
        kind="webp",
    ),
)
