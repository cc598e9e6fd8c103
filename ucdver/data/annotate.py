"""Computing annotations: each once, in batches, with what is done kept safe as it goes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from ucdver.data.annotation_cache import AnnotationStore, RowKey, Values
from ucdver.data.annotations import Annotators, ResolvedAnnotator
from ucdver.data.annotator import Annotator, Item
from ucdver.data.annotator_calls import checked, guarded
from ucdver.data.catalog import Catalog
from ucdver.data.feeder import to_extra
from ucdver.data.images import drawing_sha256, open_images
from ucdver.data.manifest import Row
from ucdver.data.rows import MappedRows, Part
from ucdver.errors import DataError, UcdverError
from ucdver.seeds import scoped_seed
from ucdver.spec.base import canonical_json
from ucdver.spec.task import Domain

#: (what is prepared, done, total)
Tell = Callable[[str, int, int], None]

#: What is computed is put on disk after so many seconds or bytes, whatever comes first.
SHARD_SECONDS = 30.0
SHARD_BYTES = 64 * 1024**2


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
    """

    def __init__(self, catalog: Catalog, annotators: Annotators, device: torch.device, tell: Tell) -> None:
        self._catalog = catalog
        self._annotators = annotators
        self._device = device
        self._tell = tell
        self._columns: dict[tuple[str, Domain], Column] = {}
        self._failed: dict[tuple[str, Domain], UcdverError] = {}
        self._made: tuple[str, Annotator] | None = None

    def column(self, name: str, domain: Domain) -> Column:
        """Return what `name` gives for a domain, computing what the cache lacks.

        Raises:
            UcdverError: the annotator, or one that it reads, failed; or an imported text is missing.
        """
        key = (name, domain)
        if key in self._failed:
            raise self._failed[key]
        if key not in self._columns:
            try:
                self._columns[key] = self._column(name, domain)
            except UcdverError as error:
                # Not tried again for every annotator that reads it.
                self._failed[key] = error
                raise
        return self._columns[key]

    def _column(self, name: str, domain: Domain) -> Column:
        rows = self._catalog.manifest(domain.dataset).rows(domain.name)
        imported = self._annotators.imports.texts(name, domain.dataset)
        if imported is not None:
            return _imported(name, domain, rows, imported)
        return self._computed(name, domain, rows)

    def _computed(self, name: str, domain: Domain, rows: Sequence[Row]) -> Column:
        annotator = self._annotators.get(name)
        needs = {need: self.column(need, domain) for need in annotator.needs}
        keys = self._keys(annotator, domain, rows, {need: column.keys for need, column in needs.items()})
        store = AnnotationStore(self._catalog.home, name, annotator.own_hash, annotator.spec.kind == "text")
        store.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(store.lock):
            values = store.read(keys)
            if values is None:
                store.sweep()
                self._fill(annotator, domain, rows, keys, needs, store)
                store.assemble(keys)
                values = store.read(keys)
        if values is None:
            raise DataError(f"{store.domain_file(keys)} cannot be read back", "is the disk full or the folder removed?")
        return Column(keys, values, store.domain_file(keys))

    def _keys(
        self, annotator: ResolvedAnnotator, domain: Domain, rows: Sequence[Row], needs: Mapping[str, list[RowKey]]
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
            }
            keys.append(hashlib.sha256(f"{annotator.own_hash} {canonical_json(read)}".encode()).digest())
        return keys

    def _fill(
        self,
        annotator: ResolvedAnnotator,
        domain: Domain,
        rows: Sequence[Row],
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
        made = self._make(annotator)
        items = _Items(self, annotator, domain, rows, needs)
        shard = _Shard(store, keys)
        # Nothing that an annotator draws may move anybody else's random numbers.
        with torch.inference_mode(), scoped_seed("annotator", annotator.own_hash):
            try:
                for start in range(0, len(todo), made.batch_size):
                    numbers = todo[start : start + made.batch_size]
                    self._tell(what, len(rows) - len(todo) + start, len(rows))
                    shard.add(numbers, checked(annotator, made, items.of(numbers), [rows[n].id for n in numbers]))
            finally:
                shard.flush()
        self._tell(what, len(rows), len(rows))

    def _make(self, annotator: ResolvedAnnotator) -> Annotator:
        # One at a time is held: two large models may not fit beside each other.
        if self._made is None or self._made[0] != annotator.spec.name:
            self._made = None
            # A network draws its first weights when it is built, also where others are loaded over them.
            with scoped_seed("annotator", annotator.own_hash):
                made = guarded(annotator, "be made", lambda: annotator.made(annotator.config, self._device))
            self._made = (annotator.spec.name, made)
        return self._made[1]

    def images(self, annotator: ResolvedAnnotator, domain: Domain) -> MappedRows | None:
        """Return the pictures that an annotator reads, as it wants them drawn; None where it reads none."""
        if annotator.recipe is None:
            return None

        def progress(done: int, total: int) -> None:
            self._tell(f"drawing {domain} for {annotator.spec.name}", done, total)

        registry = self._annotators.registry
        store = open_images(self._catalog, registry, domain, annotator.recipe, progress=progress)
        return MappedRows([Part(store.array, np.arange(len(store.ids), dtype=np.int64))])

    def digests(self, domain: Domain) -> Mapping[str, str]:
        """Return the digest of each image of a domain's data set, by row id."""
        return self._catalog.manifest(domain.dataset).digests


class _Items:
    """Makes the items of a batch, with what the annotator's spec names and nothing else."""

    def __init__(
        self,
        owner: Annotation,
        annotator: ResolvedAnnotator,
        domain: Domain,
        rows: Sequence[Row],
        needs: Mapping[str, Column],
    ) -> None:
        self._spec = annotator.spec
        self._rows = rows
        self._images = owner.images(annotator, domain)
        self._digests = owner.digests(domain)
        self._needs = {need: column.values for need, column in needs.items()}

    def of(self, numbers: Sequence[int]) -> list[Item]:
        rows = np.array(numbers, dtype=np.int64)
        images = self._images.gather(rows) if self._images is not None else None
        return [self._one(number, None if images is None else images[i]) for i, number in enumerate(numbers)]

    def _one(self, number: int, image: Tensor | None) -> Item:
        reads, row = self._spec.reads, self._rows[number]
        annotations = {need: _plain(values[number]) for need, values in self._needs.items()}
        text = annotations.pop("text", None) if self._spec.name != "text" else row.text
        return Item(
            self._spec.name,
            image=image,
            digest=self._digests[row.id] if "digest" in reads else None,
            text=text if isinstance(text, str) else None,
            topic=row.topic if "topic" in reads else None,
            annotations=annotations,
        )


class _Shard:
    """Collects rows, and writes them when enough time has passed or enough bytes have come together."""

    def __init__(self, store: AnnotationStore, keys: Sequence[RowKey]) -> None:
        self._store = store
        self._keys = keys
        self._numbers: list[int] = []
        self._values: list[Values] = []
        self._since = time.monotonic()

    def add(self, numbers: Sequence[int], values: Values) -> None:
        self._numbers += numbers
        self._values.append(values)
        held = sum(part.nbytes for part in self._values if isinstance(part, np.ndarray))
        if time.monotonic() - self._since > SHARD_SECONDS or held > SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._numbers:
            self._store.write_shard([self._keys[n] for n in self._numbers], _joined(self._values))
        self._numbers, self._values, self._since = [], [], time.monotonic()


def _joined(parts: Sequence[Values]) -> Values:
    if isinstance(parts[0], list):
        return [text for part in parts for text in part]
    return np.concatenate([part for part in parts if isinstance(part, np.ndarray)])


def _plain(value: object) -> str | Tensor:
    return value if isinstance(value, str) else to_extra(torch.from_numpy(np.array(value)))


def _imported(name: str, domain: Domain, rows: Sequence[Row], texts: Mapping[str, str]) -> Column:
    lacking = [row.id for row in rows if row.id not in texts]
    if lacking:
        raise DataError(
            f"the texts imported for '{name}' lack '{domain.dataset}/{lacking[0]}'",
            f"import them again: ucdver prepare SUITE --import {name}=FILE.jsonl",
        )
    found = [texts[row.id] for row in rows]
    return Column([hashlib.sha256(f"{name} {text}".encode()).digest() for text in found], found, None)
