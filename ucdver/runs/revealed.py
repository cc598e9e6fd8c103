"""Labels that an archive does not have, looked up in the data that are here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ucdver.data.catalog import Catalog
from ucdver.errors import DataError
from ucdver.evaluate.predictions import Predictions
from ucdver.evaluate.target_labels import open_target_labels, open_target_soft_labels, soft_rows
from ucdver.registry import Registry
from ucdver.spec.run import RunSpec


class Revealed:
    """Fills in the labels of predictions that were published without, each task's looked up once."""

    def __init__(self, catalog: Catalog, registry: Registry) -> None:
        self.catalog = catalog
        self.registry = registry
        self._known: dict[str, tuple[dict[str, int], dict[str, npt.NDArray[np.float64]]]] = {}

    def __call__(self, spec: RunSpec, predictions: Predictions) -> Predictions:
        """Return the predictions of a run with the true class of every image, and soft labels where there are any.

        Raises:
            DataError: the data are absent, or not those of the run.
        """
        named = spec.model_dump_json(include={"task", "classes", "data", "labels", "protocol"})
        if named not in self._known:
            hard = open_target_labels(spec, self.catalog, self.registry)
            self._known[named] = hard, open_target_soft_labels(spec, self.catalog, self.registry)
        hard, votes = self._known[named]
        strange = next((name for name in predictions.ids if name not in hard), None)
        if strange is not None:
            raise DataError(f"'{strange}' is no image of the targets of {spec.task.id}", "the archive is of other data")
        labels = np.array([hard[name] for name in predictions.ids], dtype=np.int32)
        return replace(predictions, labels=labels, soft=soft_rows(predictions.ids, votes, len(spec.classes)))
