"""Which annotators a suite needs: their order, their options, and the hash of all that makes what they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, get_args

from ucdver.data.annotation_imports import Imports
from ucdver.data.annotator import Annotator, AnnotatorConfig, SourceInput
from ucdver.discovery import fenced
from ucdver.errors import PluginError, suggestion
from ucdver.registry import Registry, load_target
from ucdver.source import version_of, weights_hash
from ucdver.spec.base import canonical_json, sha256_of
from ucdver.spec.options import checked_options
from ucdver.spec.plugin import INPUTS, AnnotatorSpec
from ucdver.spec.recipe import ImageRecipe
from ucdver.spec.task import Domain


def annotator_class(registry: Registry, name: str) -> type[Annotator]:
    """Return the class of a registered annotator; a target that is no `Annotator` is a PluginError."""
    spec = registry.annotators.get(name)
    found = load_target(spec.target, f"annotator '{name}'")
    if not (isinstance(found, type) and issubclass(found, Annotator)):
        raise PluginError(f"annotator '{name}': '{spec.target}' is not a subclass of ucdver.Annotator")
    if found.annotate is Annotator.annotate:
        raise PluginError(f"annotator '{name}': {found.__name__} has no annotate(items)")
    return found


def resolve_annotator_config(registry: Registry, name: str, given: Mapping[str, Any]) -> AnnotatorConfig:
    """Return the annotator's configuration with `given` over its defaults; what does not fit is a ConfigError."""
    return checked_options(f"annotator '{name}'", annotator_class(registry, name).Config, given)


def needs_of(spec: AnnotatorSpec) -> tuple[str, ...]:
    """Return the names of the other annotators that one reads; `text` is one of them, but for itself."""
    return tuple(name for name in spec.reads if name not in INPUTS or (name == "text" and spec.name != "text"))


def reading_order(registry: Registry, names: Sequence[str]) -> list[str]:
    """Return `names` and all that they read, each after what it reads.

    Raises:
        PluginError: one reads what nobody gives, or they read each other in a circle.
    """
    done: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " -> ".join((*path[path.index(name) :], name))
            raise PluginError(f"annotators read each other in a circle: {circle}", "one of them must read less")
        if name in done:
            return
        if path and name not in registry.annotators:
            known = [*INPUTS, *registry.annotators.names]
            hint = suggestion(name, known, f"there are {', '.join(known)}")
            raise PluginError(f"annotator '{path[-1]}' reads '{name}', which is no annotator", hint)
        for need in needs_of(registry.annotators.get(name)):
            visit(need, (*path, name))
        done.append(name)

    for name in names:
        visit(name, ())
    return done


class ResolvedAnnotator:
    """An annotator with its options, ready to be asked what makes its output.

    Attributes:
        spec: what is registered.
        made: its class.
        config: its whole configuration, defaults written out.
        recipe: how the images are drawn that it reads; None where it reads none.
        needs: the names of the annotators that it reads.
        source_reads: what it is shown of the images of a task's sources.
    """

    def __init__(
        self, registry: Registry, name: str, options: Mapping[str, Any], image: ImageRecipe, fetch: bool
    ) -> None:
        self.spec = registry.annotators.get(name)
        self.made = annotator_class(registry, name)
        self.config = resolve_annotator_config(registry, name, options)
        self.source_reads = _source_reads(name, self.made, self.config)
        looks = "image" in (*self.spec.reads, *self.source_reads)
        self.recipe = self._image_recipe(image) if looks else None
        self.needs = needs_of(self.spec)
        self._fetch = fetch

    @cached_property
    def own_hash(self) -> str:
        """The sha256 of all that is declared of it, without what it reads; a WeightsError where its weights lack."""
        declared = {
            "name": self.spec.name,
            "version": version_of(self.spec.version, self.spec.target, self.made),
            "kind": self.spec.kind,
            "reads": sorted(self.spec.reads),
            "dtype": self.made.dtype if self.spec.kind == "tensor" else "text",
            "config": self.config.model_dump(mode="json"),
            "weights": weights_hash(f"annotator '{self.spec.name}'", self._weights_sha256),
            "image": self.recipe.model_dump(mode="json") if self.recipe else None,
        }
        if self.source_reads:
            # Left out where there is nothing, so that the others keep the hash that they always had.
            declared["source_reads"] = sorted(self.source_reads)
        return sha256_of(declared)

    def _weights_sha256(self) -> str:
        return self.made.weights_sha256(self.config, fetch=self._fetch)

    def _image_recipe(self, image: ImageRecipe) -> ImageRecipe:
        owner = f"annotator '{self.spec.name}', image_recipe"
        found = fenced(owner, lambda: self.made.image_recipe(self.config, image))
        if not isinstance(found, ImageRecipe):
            raise PluginError(f"{owner} must return an ImageRecipe, not {found!r}")
        return found


def _source_reads(name: str, made: type[Annotator], config: AnnotatorConfig) -> tuple[SourceInput, ...]:
    """Return what an annotator is shown of a task's sources, checked."""
    found = fenced(f"annotator '{name}', source_reads", lambda: made.source_reads(config))
    known = get_args(SourceInput)
    if not isinstance(found, tuple) or not set(found) <= set(known):
        raise PluginError(f"annotator '{name}': source_reads must return a tuple of {', '.join(known)}, not {found!r}")
    if found and made.see_sources is Annotator.see_sources:
        raise PluginError(f"annotator '{name}' has source_reads and no see_sources(batches)", "write it")
    return found


class Annotators:
    """The annotators of a suite, looked up and checked as they are asked for.

    Args:
        registry: knows them.
        options: the suite's `[annotator.NAME]` tables.
        image: the suite's image recipe.
        imports: texts that stand in for what an annotator would compute.
        fetch: whether weights may be downloaded to be hashed.
    """

    def __init__(
        self,
        registry: Registry,
        options: Mapping[str, Mapping[str, Any]],
        image: ImageRecipe,
        imports: Imports,
        fetch: bool = True,
    ) -> None:
        self.registry = registry
        self.imports = imports
        self._options = options
        self._image = image
        self._fetch = fetch
        self._resolved: dict[str, ResolvedAnnotator] = {}
        self._hashes: dict[tuple[str, tuple[str, ...], str], str] = {}

    def get(self, name: str) -> ResolvedAnnotator:
        """Return an annotator; an unknown one, or one whose class or options do not fit, is an error."""
        if name not in self._resolved:
            made = ResolvedAnnotator(self.registry, name, self._options.get(name, {}), self._image, self._fetch)
            self._resolved[name] = made
        return self._resolved[name]

    def order(self, names: Sequence[str]) -> list[str]:
        """As `reading_order`, of the registry's annotators."""
        return reading_order(self.registry, names)

    def check_extras(self, method: str, names: Sequence[str]) -> None:
        """Refuse extras that a method asks for and cannot be given: unknown ones, and texts."""
        if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
            raise PluginError(f"method '{method}': needed_extras must return a tuple of names, not {names!r}")
        for name in names:
            if self.registry.annotators.get(name).kind == "text":
                raise PluginError(
                    f"method '{method}' asks for '{name}', an annotator of kind text, and a method is given tensors",
                    "ask for an annotator that makes tensors of it",
                )
        self.order(names)

    def reads_sources(self, name: str, datasets: Sequence[str]) -> bool:
        """Return whether what `name` gives for data sets belongs to a task's sources.

        It does where it, or one it reads, is shown them, and its texts were not imported.
        """
        computed = [dataset for dataset in datasets if not self.imports.sha256(name, dataset)]
        own = self.get(name)
        return bool(computed) and (bool(own.source_reads) or any(self.reads_sources(n, computed) for n in own.needs))

    def digest(self, name: str, datasets: Sequence[str], sources: Mapping[Domain, str] | None = None) -> str:
        """Return the hash of all that makes what `name` gives for these data sets, imported texts included.

        Args:
            name: the annotator.
            datasets: those whose images are annotated.
            sources: the sources of the task, in its order, each with the hash of all that may be shown of it but its
                texts; asked of one that is shown them.

        Raises:
            WeightsError: an annotator that has something to compute lacks its weights.
        """
        shown: list[list[str]] = []
        if self.reads_sources(name, datasets):
            shown = [[str(domain), sha] for domain, sha in (sources or {}).items()]
        key = (name, tuple(sorted(datasets)), canonical_json(shown))
        if key not in self._hashes:
            imported = {d: sha for d in key[1] if (sha := self.imports.sha256(name, d))}
            computed = [d for d in key[1] if d not in imported]
            parts: dict[str, Any] = {"imported": imported}
            if computed:
                parts["own"] = self.get(name).own_hash
                parts["needs"] = {need: self.digest(need, computed, sources) for need in self.get(name).needs}
            reads = self.get(name).source_reads if computed else ()
            if reads:
                read = sorted({domain.dataset for domain in sources or {}})
                parts["sources"] = {"rows": shown, "text": self.digest("text", read) if "text" in reads else ""}
            self._hashes[key] = sha256_of(parts)
        return self._hashes[key]
