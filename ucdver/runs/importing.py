"""Bringing in texts that stand in for what an annotator would compute."""

from __future__ import annotations

from pathlib import Path

from ucdver.data.annotation_imports import Imports, read_texts
from ucdver.data.catalog import Catalog
from ucdver.errors import DataError, SpecError
from ucdver.spec.suite import Suite


def import_texts(suite: Suite, catalog: Catalog, annotator: str, path: Path) -> dict[str, int]:
    """Check a file of texts against the domains of a suite and keep it; return the number of texts by data set.

    From then on every suite uses them for those data sets, until others are imported; their hash is in the key of
    every run that depends on them.

    Raises:
        SpecError: the annotator gives no texts, or there is no such file.
        DataError: a line does not fit, or a text is missing.
    """
    if catalog.registry.annotators.get(annotator).kind != "text":
        raise SpecError(
            f"--import {annotator}={path}: '{annotator}' gives tensors, and only texts can be imported",
            "'ucdver list annotators' shows them; import for one of kind text",
        )
    if not path.is_file():
        raise SpecError(f"--import {annotator}={path}: there is no such file")
    needed: dict[str, list[str]] = {}
    for task in suite.tasks:
        for domain in (*task.sources, *task.targets):
            needed.setdefault(domain.dataset, []).append(domain.name)
    manifests = {}
    for dataset in needed:
        try:
            manifests[dataset] = catalog.ensure(dataset)
        except DataError:
            # One that is absent is told when the suite is planned; a file may well not be about it.
            continue
    found = read_texts(path, manifests, needed)
    for dataset, texts in found.items():
        Imports(catalog.home).write(annotator, dataset, texts)
    return {dataset: len(texts) for dataset, texts in found.items()}
