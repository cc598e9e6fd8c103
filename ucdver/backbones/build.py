"""From `name@weights` in a recipe to a network: lookup, weights, and every error before work starts."""

from __future__ import annotations

import functools
from pathlib import Path

from ucdver.backbones.base import Backbone
from ucdver.discovery import attempt, fenced, reason
from ucdver.errors import PluginError, WeightsError, closest
from ucdver.registry import Registry, load_callable
from ucdver.source import local_sha256
from ucdver.spec.plugin import BackboneSpec
from ucdver.spec.recipe import Recipe

#: The weights in a folder that a library saved a network in.
FILE = "model.safetensors"


def build_backbone(registry: Registry, recipe: Recipe, declared: str | None = None) -> Backbone:
    """Return the recipe's backbone with its weights loaded; what does not fit is an error.

    Args:
        registry: knows the backbone.
        recipe: names it and its weights.
        declared: what `weights_sha256` gave when it was planned; by default any weights will do.

    Raises:
        PluginError: there is no such backbone, or it builds something else.
        WeightsError: the weights are absent, do not fit, or are not those that were declared.
    """
    spec = find_backbone(registry, recipe.backbone_name)
    path = _locate(spec, recipe.backbone_name, recipe.weights)
    if declared is not None and _sha256(path) != declared:
        # Results and features are kept under what was declared, so nothing else may be loaded.
        raise WeightsError(
            f"the weights of '{recipe.backbone_name}' at '{path}' changed since the run was planned",
            "plan again: type the same command once more, and its key will be another",
        )
    factory = load_callable(spec.target, f"backbone '{spec.name}'")
    built = factory(recipe.backbone_name, path, recipe.image.channels)
    if not isinstance(built, Backbone):
        raise PluginError(f"backbone '{spec.name}' built a {type(built).__name__}, which is not a Backbone")
    return built


def weights_path(registry: Registry, recipe: Recipe) -> Path | None:
    """Return the file of the recipe's weights, fetched if they are on the hub, or None for `@none`."""
    return _locate(find_backbone(registry, recipe.backbone_name), recipe.backbone_name, recipe.weights)


def weights_sha256(registry: Registry, recipe: Recipe) -> str:
    """Return the sha256 of the recipe's weights file, or an empty string for `@none`."""
    return _sha256(weights_path(registry, recipe))


def edited_sha256(registry: Registry, recipe: Recipe) -> str:
    """Return the hash of `ucdver_local.py` where the recipe's backbone is built by it; else an empty string."""
    spec = find_backbone(registry, recipe.backbone_name)
    return local_sha256(spec.target, lambda: load_callable(spec.target, f"backbone '{spec.name}'"))


def check_backbone(registry: Registry, text: str) -> None:
    """Refuse a `name@weights` that no plugin has, or weights that cannot be there; nothing is fetched.

    Whether the hub has the file is only known when it is asked for, by `weights_path`.
    """
    name, _, weights = text.partition("@")
    spec = find_backbone(registry, name)
    if weights == "hub":
        _check_source(spec, name, weights)
    else:
        _locate(spec, name, weights)


def _sha256(path: Path | None) -> str:
    if path is None:
        return ""
    from ucdver.backbones.weights import file_sha256

    return file_sha256(path)


def find_backbone(registry: Registry, name: str) -> BackboneSpec:
    """Return the spec of exactly that name, else the family that answers for it, else raise PluginError."""
    exact = [spec for spec in registry.backbones if not spec.family]
    for spec in exact:
        if spec.name == name:
            return spec
    known, faults = [spec.name for spec in exact], ""
    for spec in registry.backbones:
        if spec.family and spec.names is not None:
            members, error = attempt(functools.partial(family_names, spec), [])
            if name in members:
                return spec
            known += members
            # A family that fails hides none of the others; a name that is missed may have been its.
            faults += f"; {reason(error)}" if error is not None else ""
    near = closest(name, known)
    hint = f"did you mean '{near}'? " if near else ""
    raise PluginError(f"there is no backbone '{name}'", f"{hint}'ucdver list backbones' shows all of them{faults}")


def family_names(spec: BackboneSpec) -> list[str]:
    """Return the names that a family answers for; what its plugin raises is a PluginError that names it."""
    assert spec.names is not None
    owner = f"backbone family '{spec.name}'"
    names = load_callable(spec.names, owner)
    return fenced(owner, lambda: [str(name) for name in names()])


def _check_source(spec: BackboneSpec, name: str, weights: str) -> None:
    source = weights if weights in ("none", "package", "hub") else "path"
    if source not in spec.weights:
        offered = ", ".join(f"{name}@{'/path/file' if kind == 'path' else kind}" for kind in spec.weights)
        raise WeightsError(f"backbone '{name}' has no weights '{weights}'", f"write one of: {offered}")


def _locate(spec: BackboneSpec, name: str, weights: str) -> Path | None:
    _check_source(spec, name, weights)
    if weights == "none":
        return None
    if weights in ("package", "hub"):
        if spec.locate is None:
            raise PluginError(f"backbone '{spec.name}' offers '{weights}' but has no 'locate'")
        found: Path = load_callable(spec.locate, f"backbone '{spec.name}'")(name, weights)
        return found
    path = Path(weights).expanduser()
    if path.is_dir():
        # What `save_pretrained` and timm's own saving leave in a folder.
        path /= FILE
    if not path.is_file():
        raise WeightsError(f"there are no weights at '{path}'", f"write {name}@ and the path of a file that exists")
    return path
