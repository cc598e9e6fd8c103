"""Computing annotations: each once, in batches, with what is done kept safe as it goes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock

from ucdver.data.annotation_cache import AnnotationStore, RowKey, Values
from ucdver.data.annotation_items import Items
from ucdver.data.annotation_shard import Shard
from ucdver.data.annotations import Annotators, ResolvedAnnotator
from ucdver.data.annotator import Annotator, Item
from ucdver.data.annotator_calls import checked, guarded
from ucdver.data.catalog import Catalog
from ucdver.data.drawing import drawing_sha256
from ucdver.data.images import open_images
from ucdver.data.manifest import Row
from ucdver.data.rows import MappedRows, Part
from ucdver.data.shown import Sources
from ucdver.errors import DataError, PluginError, UcdverError
from ucdver.seeds import scoped_seed
from ucdver.spec.base import canonical_json, sha256_of
from ucdver.spec.task import Domain

#: (what is prepared, done, total)
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Column:
    """What one annotator gives for the rows of a domain, in their order.

    Attributes:
        keys: what each was made from.
        values: [N, ...] or N texts.
        file: where they lie; None for imported texts.
    """

    keys: list[RowKey]
    values: Values
    file: Path | None


class Annotation:
    """Computes the annotations of a suite, those that others read first, and remembers what it opened.

    Args:
        catalog: holds the data sets.
        annotators: the suite's.
        device: where to compute.
        tell: is told of progress.
        batch_size: items in one call, in the place of what each annotator names.
    """

    def __init__(
        self,
        catalog: Catalog,
        annotators: Annotators,
        device: torch.device,
        tell: Tell,
        batch_size: int | None = None,
    ) -> None:
        self._batch_size = batch_size
        self._catalog = catalog
        self._annotators = annotators
        self._device = device
        self._tell = tell
        self._columns: dict[tuple[str, Domain, Sources], Column] = {}
        self._failed: dict[tuple[str, Domain, Sources], UcdverError] = {}
        self._made: tuple[str, Annotator] | None = None
        self._seen: Sources = ()
        self._unseen: dict[tuple[str, Sources], UcdverError] = {}

    def column(self, name: str, domain: Domain, sources: Sources = ()) -> Column:
        """Return what `name` gives for a domain, computing what the cache lacks.

        Args:
            name: the annotator.
            domain: whose images.
            sources: what of the task's may be shown to an annotator, by itself or to one that it reads.

        Raises:
            UcdverError: the annotator, or one that it reads, failed; or an imported text is missing.
        """
        sources = self._shown(name, domain, sources)
        key = (name, domain, sources)
        if key in self._failed:
            raise self._failed[key]
        if key not in self._columns:
            try:
                self._columns[key] = self._column(name, domain, sources)
            except UcdverError as error:
                # Not tried again for every annotator that reads it.
                self._failed[key] = error
                raise
        return self._columns[key]

    def _shown(self, name: str, domain: Domain, sources: Sources) -> Sources:
        """Return those sources that what `name` gives belongs to: all, or none."""
        if not self._annotators.reads_sources(name, [domain.dataset]):
            return ()
        if not sources:
            raise PluginError(f"annotator '{name}' is shown the sources of a task, and no task was named")
        return sources

    def _column(self, name: str, domain: Domain, sources: Sources) -> Column:
        rows = self._catalog.manifest(domain.dataset).rows(domain.name)
        imported = self._annotators.imports.texts(name, domain.dataset)
        if imported is not None:
            return _imported(name, domain, rows, imported)
        return self._computed(name, domain, rows, sources)

    def _computed(self, name: str, domain: Domain, rows: Sequence[Row], sources: Sources) -> Column:
        annotator = self._annotators.get(name)
        needs = {need: self.column(need, domain, sources) for need in annotator.needs}
        seen = self._sources_sha256(annotator, sources)
        keys = self._keys(annotator, domain, rows, {need: column.keys for need, column in needs.items()}, seen)
        store = AnnotationStore(self._catalog.home, name, annotator.own_hash, annotator.spec.kind == "text")
        store.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(store.lock):
            values = store.read(keys)
            if values is None:
                store.sweep()
                self._fill(annotator, domain, sources, keys, needs, store)
                store.assemble(keys)
                values = store.read(keys)
        if values is None:
            raise DataError(f"{store.domain_file(keys)} cannot be read back", "is the disk full or the folder removed?")
        return Column(keys, values, store.domain_file(keys))

    def _keys(
        self,
        annotator: ResolvedAnnotator,
        domain: Domain,
        rows: Sequence[Row],
        needs: Mapping[str, list[RowKey]],
        seen: str,
    ) -> list[RowKey]:
        """Return the key of each row: the annotator's own hash, and every input that it reads."""
        spec, manifest = annotator.spec, self._catalog.manifest(domain.dataset)
        drawn = drawing_sha256(self._annotators.registry.datasets.get(domain.dataset))
        keys = []
        for number, row in enumerate(rows):
            digest = manifest.digests[row.id]
            read = {
                "image": [digest, drawn] if "image" in spec.reads else None,
                "digest": digest if "digest" in spec.reads else None,
                "text": row.text if spec.name == "text" else None,
                "topic": row.topic if "topic" in spec.reads else None,
                "needs": {need: column[number].hex() for need, column in needs.items()},
                # Left out where nothing was seen, so that the others keep the keys that they always had.
                **({"sources": seen} if seen else {}),
            }
            keys.append(hashlib.sha256(f"{annotator.own_hash} {canonical_json(read)}".encode()).digest())
        return keys

    def _sources_sha256(self, annotator: ResolvedAnnotator, sources: Sources) -> str:
        """Return the hash of all that an annotator itself is shown of the sources, labels not among it; else empty."""
        reads, seen = annotator.source_reads, []
        for source in sources if reads else ():
            manifest = self._catalog.manifest(source.domain.dataset)
            drawn = drawing_sha256(self._annotators.registry.datasets.get(source.domain.dataset))
            rows = manifest.rows(source.domain.name)
            files = [manifest.digests[rows[number].id] for number in source.rows]
            texts = self.column("text", source.domain).keys if "text" in reads else []
            seen.append(
                {
                    "image": [drawn, files] if "image" in reads else None,
                    "digest": files if "digest" in reads else None,
                    "text": [texts[number].hex() for number in source.rows] if texts else None,
                }
            )
        return sha256_of(seen) if seen else ""

    def _fill(
        self,
        annotator: ResolvedAnnotator,
        domain: Domain,
        sources: Sources,
        keys: Sequence[RowKey],
        needs: Mapping[str, Column],
        store: AnnotationStore,
    ) -> None:
        """Compute every row that no domain's file and no shard holds, and put it into shards."""
        known = {key for held, _ in store.sources() for key in held}
        first = {key: number for number, key in reversed(list(enumerate(keys)))}
        todo = sorted(number for key, number in first.items() if key not in known)
        if not todo:
            return
        what = f"annotating {domain} with {annotator.spec.name}"
        rows = self._catalog.manifest(domain.dataset).rows(domain.name)
        made = self._make(annotator, sources)
        items = self._items(annotator, domain, rows, annotator.spec.reads, needs)
        shard = Shard(store, keys)
        # Nothing that an annotator draws may move anybody else's random numbers.
        with torch.inference_mode(), scoped_seed("annotator", annotator.own_hash):
            try:
                size = self._batch_size or made.batch_size
                for start in range(0, len(todo), size):
                    numbers = todo[start : start + size]
                    self._tell(what, len(rows) - len(todo) + start, len(rows))
                    shard.add(numbers, checked(annotator, made, items.of(numbers), [rows[n].id for n in numbers]))
            finally:
                shard.flush()
        self._tell(what, len(rows), len(rows))

    def _make(self, annotator: ResolvedAnnotator, sources: Sources) -> Annotator:
        # One at a time is held: two large models may not fit beside each other.
        if self._made is None or self._made[0] != annotator.spec.name:
            self._made = None
            # A network draws its first weights when it is built, also where others are loaded over them.
            with scoped_seed("annotator", annotator.own_hash):
                made = guarded(annotator, "be made", lambda: annotator.made(annotator.config, self._device))
            self._made, self._seen = (annotator.spec.name, made), ()
        if annotator.source_reads and self._seen != sources:
            self._show(annotator, self._made[1], sources)
        return self._made[1]

    def _show(self, annotator: ResolvedAnnotator, made: Annotator, sources: Sources) -> None:
        """Show an annotator the sources; where it could not look, it is not asked again for another domain."""
        key = (annotator.spec.name, sources)
        if key in self._unseen:
            raise self._unseen[key]
        self._seen = ()
        batches = self._batches(annotator, sources, made.batch_size)
        try:
            with torch.inference_mode(), scoped_seed("annotator", annotator.own_hash):
                guarded(annotator, "look at the sources", lambda: made.see_sources(batches))
        except UcdverError as error:
            self._unseen[key] = error
            raise
        self._seen = sources

    def _batches(self, annotator: ResolvedAnnotator, sources: Sources, size: int) -> Iterator[list[Item]]:
        """Yield the images of the sources that may be shown, with what an annotator is shown of them."""
        for source in sources:
            domain, what = source.domain, f"showing {source.domain} to {annotator.spec.name}"
            rows = self._catalog.manifest(domain.dataset).rows(domain.name)
            texts = {"text": self.column("text", domain)} if "text" in annotator.source_reads else {}
            items = self._items(annotator, domain, rows, annotator.source_reads, texts)
            for start in range(0, len(source.rows), size):
                self._tell(what, start, len(source.rows))
                yield items.of(source.rows[start : start + size])
            self._tell(what, len(source.rows), len(source.rows))

    def _items(
        self,
        annotator: ResolvedAnnotator,
        domain: Domain,
        rows: Sequence[Row],
        reads: Sequence[str],
        needs: Mapping[str, Column],
    ) -> Items:
        images = self._images(annotator, domain) if "image" in reads else None
        digests = self._catalog.manifest(domain.dataset).digests
        values = {need: column.values for need, column in needs.items()}
        return Items(annotator.spec.name, reads, rows, images, digests, values)

    def _images(self, annotator: ResolvedAnnotator, domain: Domain) -> MappedRows | None:
        """Return the pictures that an annotator reads, as it wants them drawn; None where it reads none."""
        if annotator.recipe is None:
            return None

        def progress(done: int, total: int) -> None:
            self._tell(f"drawing {domain} for {annotator.spec.name}", done, total)

        registry = self._annotators.registry
        store = open_images(self._catalog, registry, domain, annotator.recipe, progress=progress)
        return MappedRows([Part(store.array, np.arange(len(store.ids), dtype=np.int64))])


def _imported(name: str, domain: Domain, rows: Sequence[Row], texts: Mapping[str, str]) -> Column:
    lacking = [row.id for row in rows if row.id not in texts]
    if lacking:
        raise DataError(
            f"the texts imported for '{name}' lack '{domain.dataset}/{lacking[0]}'",
            f"import them again: ucdver prepare SUITE --import {name}=FILE.jsonl",
        )
    found = [texts[row.id] for row in rows]
    return Column([hashlib.sha256(f"{name} {text}".encode()).digest() for text in found], found, None)
