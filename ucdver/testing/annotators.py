"""For tests of annotators: one alone on rows that a test makes up, and the label barrier on generated shapes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ucdver.data.annotate import Annotation
from ucdver.data.annotation_imports import Imports
from ucdver.data.annotations import Annotators, ResolvedAnnotator
from ucdver.data.annotator import Item
from ucdver.data.annotator_calls import checked
from ucdver.data.catalog import Catalog
from ucdver.data.shown import ShownSource
from ucdver.plugins import load_registry
from ucdver.spec.recipe import ImageRecipe
from ucdver.spec.task import Domain
from ucdver.testing.contract import permute_labels
from ucdver.testing.toys import DOMAINS, SIZE

#: Items in one call the second time.
FEW = 5
_PICTURE = ImageRecipe(size=SIZE, fit="stretch")


def annotate(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any] | None = None,
    local: Path | None = None,
    sources: Sequence[Mapping[str, Any]] = (),
) -> Tensor | list[str]:
    """Return what a registered annotator gives for rows, in its own batches: a tensor as it would be stored, or texts.

    Args:
        name: the annotator's name.
        rows: for each image what the spec's `reads` names: `image` (uint8 [C, H, W]), `digest`, `text`, `topic`, and
            the output of other annotators by name.
        config: its options.
        local: the folder of `ucdver_local.py`, for one that is registered there.
        sources: what it is shown of the images of a task's sources, for one with `source_reads`.

    Raises:
        SpecError: the annotator reads what its spec does not name, or what a row lacks.
        PluginError: it raises, or returns what is not of its kind.
    """
    annotator = ResolvedAnnotator(load_registry(local), name, dict(config or {}), _PICTURE, True)
    made = annotator.made(annotator.config, torch.device("cpu"))
    items = [_item(annotator, annotator.spec.reads, row) for row in rows]
    shown = [_item(annotator, annotator.source_reads, row) for row in sources]
    parts: list[Any] = []
    with torch.inference_mode():
        if annotator.source_reads:
            made.see_sources(shown[start : start + made.batch_size] for start in range(0, len(shown), made.batch_size))
        for start in range(0, len(items), made.batch_size):
            batch = items[start : start + made.batch_size]
            numbers = range(start, start + len(batch))
            parts.append(checked(annotator, made, batch, [f"row {number}" for number in numbers]))
    if annotator.spec.kind == "text":
        return [text for part in parts for text in part]
    return torch.from_numpy(np.concatenate(parts))


def _item(annotator: ResolvedAnnotator, reads: Sequence[str], row: Mapping[str, Any]) -> Item:
    given = {key: value for key, value in row.items() if key in reads}
    fields = {key: given.pop(key, None) for key in ("image", "digest", "text", "topic")}
    return Item(annotator.spec.name, annotations=given, **fields)


def check_annotator(name: str, config: Mapping[str, Any] | None = None, local: Path | None = None) -> None:
    """Check on generated shapes that an annotator is reproducible and does not see the labels of any domain.

    Raises:
        AssertionError: it gives other values the second time or in smaller batches (beyond the rounding of numbers), or
            other bits once the labels are shuffled.
    """
    with tempfile.TemporaryDirectory(prefix="ucdver-annotator-") as folder:
        plain = annotated_toys(Path(folder) / "plain", name, config, local)
        # What is computed together depends on what is cached already, so an item may depend on no other.
        again = annotated_toys(Path(folder) / "again", name, config, local, batch_size=FEW)
        shuffled = annotated_toys(Path(folder) / "shuffled", name, config, local, permute=True)
        for domain, values in plain.items():
            told = f"{name} gives other results the second time, in batches of {FEW}"
            assert _alike(values, again[domain]), told
            assert np.array_equal(values, shuffled[domain]), f"{name} sees the labels of toy:{domain}"


def _alike(values: Any, others: Any) -> bool:
    if np.issubdtype(values.dtype, np.floating):
        scale = float(np.abs(values.astype(np.float64)).max())
        return np.allclose(values.astype(np.float64), others.astype(np.float64), rtol=1e-2, atol=1e-3 * scale)
    return np.array_equal(values, others)


def annotated_toys(
    home: Path,
    name: str,
    config: Mapping[str, Any] | None = None,
    local: Path | None = None,
    permute: bool = False,
    batch_size: int | None = None,
) -> dict[str, Any]:
    """Return what an annotator gives for each toy domain, [60, ...] by its name; with `permute`, of shuffled labels.

    One that is shown the sources of a task is shown all of the first domain.
    """
    registry = load_registry(local)
    catalog = Catalog(registry, home)
    catalog.fetch("toy")
    for domain in DOMAINS if permute else ():
        permute_labels(catalog, domain)
    annotators = Annotators(registry, {name: dict(config or {})}, _PICTURE, Imports(home))
    annotators.order([name])
    work = Annotation(catalog, annotators, torch.device("cpu"), lambda what, done, total: None, batch_size)
    domains = [Domain(dataset="toy", name=domain) for domain in DOMAINS]
    source = ShownSource(domains[0], tuple(range(len(catalog.manifest("toy").rows(DOMAINS[0])))))
    found = {domain.name: work.column(name, domain, (source,)).values for domain in domains}
    # Copies, so that the home folder can go.
    return {domain: np.array(values) for domain, values in found.items()}
