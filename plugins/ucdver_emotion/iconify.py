"""Icons in the Iconify JSON format: a concept found by code point or name, written as an SVG of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ucdver import FetchError
from ucdver_emotion.emoji_labels import EmojiLabel, plain_hexcode

_TRANSFORMS = ("rotate", "hFlip", "vFlip")
_MAX_ALIASES = 8
_VIEW = {"left": 0, "top": 0, "width": 16, "height": 16}  # what the format says where nothing is given


class IconifySet:
    """One icon set in the Iconify format.

    Args:
        members: the package's files; `icons.json` and, where the set is keyed by code point, `chars.json`.
        package: its name, for messages.
        suffix: what the set adds to the name of the first of several drawings.
    """

    def __init__(self, members: Mapping[str, bytes], package: str, suffix: str = "") -> None:
        self._package = package
        self._suffix = suffix
        data = self._json(members, "icons.json")
        chars = self._json(members, "chars.json") if "chars.json" in members else {}
        self._icons: dict[str, dict[str, Any]] = data.get("icons", {})
        self._aliases: dict[str, dict[str, Any]] = data.get("aliases", {})
        self._defaults = {key: data.get(key, value) for key, value in _VIEW.items()}
        self._by_hexcode = {plain_hexcode(code): name for code, name in chars.items()}

    def _json(self, members: Mapping[str, bytes], name: str) -> dict[str, Any]:
        try:
            value = json.loads(members[name])
        except (KeyError, ValueError) as error:
            raise FetchError(f"{self._package} has no readable {name}") from error
        if not isinstance(value, dict):
            raise FetchError(f"{self._package}: {name} does not hold a table")
        return value

    def svg(self, label: EmojiLabel) -> str | None:
        """Return the concept's picture as a complete SVG document, or None where the set does not draw it."""
        names = [self._by_hexcode.get(label.hexcode, ""), *label.slugs]
        if self._suffix:
            names += [name + self._suffix for name in label.slugs]
        for name in names:
            if name in self._icons or name in self._aliases:
                return self._document(name)
        return None

    def _document(self, name: str) -> str:
        icon = self._resolve(name)
        view = [icon.get(key, default) for key, default in self._defaults.items()]
        if not isinstance(icon.get("body"), str) or not all(isinstance(x, int | float) for x in view):
            raise FetchError(f"{self._package}: icon '{name}' is not drawn as the format says")
        box = " ".join(f"{x:g}" for x in view)
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{box}">{icon["body"]}</svg>\n'
        )

    def _resolve(self, name: str) -> dict[str, Any]:
        """Follow aliases to an icon; nearer properties win. A turned or mirrored alias is refused."""
        own: dict[str, Any] = {}
        for _ in range(_MAX_ALIASES):
            if name in self._icons:
                return {**self._icons[name], **own}
            alias = self._aliases.get(name)
            if alias is None:
                raise FetchError(f"{self._package}: an alias points at icon '{name}', which is not there")
            turned = [key for key in _TRANSFORMS if alias.get(key)]
            if turned:
                raise FetchError(f"{self._package}: alias '{name}' is turned or mirrored ({turned[0]})")
            own = {**{key: value for key, value in alias.items() if key in _VIEW}, **own}
            name = str(alias.get("parent", ""))
        raise FetchError(f"{self._package}: the aliases around icon '{name}' do not end")
