"""The stations of one run: load, train, predict, evaluate, and the files each leaves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file

from ucdver.backbones.base import Backbone, PrecomputedFeatures
from ucdver.backbones.build import build_backbone
from ucdver.data.catalog import Catalog
from ucdver.data.features import feature_key, open_features
from ucdver.data.images import ImageStore
from ucdver.data.views import TaskData, load_task
from ucdver.evaluate.cost import CostMeter
from ucdver.evaluate.predictions import Predictions
from ucdver.evaluate.target_labels import open_target_labels, open_target_soft_labels
from ucdver.files import atomic_path
from ucdver.methods.base import Method, Prediction, TaskInfo
from ucdver.methods.config import method_class, resolve_config
from ucdver.registry import Registry
from ucdver.runs.options import Observer, WorkerOptions
from ucdver.runs.store import RunStore
from ucdver.seeds import derive_seed, run_seed
from ucdver.spec.run import Cost, RunSpec
from ucdver.train.loop import Loop
from ucdver.train.predict import predict_all


class Attempt:
    """The stations of one run, in the order in which it passes them."""

    def __init__(
        self, spec: RunSpec, options: WorkerOptions, store: RunStore, registry: Registry, device: torch.device
    ) -> None:
        self.spec = spec
        self.options = options
        self.store = store
        self.registry = registry
        self.device = device
        self.catalog = Catalog(registry, options.home)
        self.folder = store.folder(spec.key())
        self.precision: torch.dtype = getattr(torch, spec.recipe.precision)
        self.seed = run_seed(spec.task.id, spec.seed)

    def carry_out(self, observe: Observer) -> Cost:
        """Load, train, predict, evaluate; return the cost."""
        torch.set_num_threads(self.options.threads)
        meter = CostMeter(self.device)
        backbone = self._backbone()
        data = self._data(backbone)
        if self.spec.recipe.frozen:
            backbone = PrecomputedFeatures(backbone.num_features)
        method = self._method(backbone)
        loop = Loop(self.spec, method, data, self.device, self.folder, self.options.loop)
        seconds = loop.run(observe)
        predicted = self._predict(method, data)
        self._save_outputs(data, predicted)
        self.store.write_predictions(self.spec.key(), self._evaluate(data, predicted))
        target = next(iter(data.target_test.values()))
        steps = self.spec.protocol.steps
        return meter.cost(method, seconds, steps, target.images, self.precision)

    def _backbone(self) -> Backbone:
        # Seeded without the method's name: every method on a task starts from the same network.
        torch.manual_seed(derive_seed("backbone", self.seed))
        return build_backbone(self.registry, self.spec.recipe).to(self.device)

    def _data(self, backbone: Backbone) -> TaskData:
        oracle = self.registry.methods.get(self.spec.method.name).oracle
        if not self.spec.recipe.frozen:
            return load_task(self.spec, self.catalog, self.registry, features=None, oracle=oracle)
        key = feature_key(self.spec.recipe, self.spec.weights_sha256, self.seed)

        def features(store: ImageStore) -> npt.NDArray[np.float32]:
            return open_features(store, backbone, key, self.device)

        return load_task(self.spec, self.catalog, self.registry, features=features, oracle=oracle)

    def _method(self, backbone: Backbone) -> Method:
        chosen = method_class(self.registry, self.spec.method.name)
        config = resolve_config(self.registry, self.spec.method.name, self.spec.method.config)
        task, oracle = self.spec.task, self.registry.methods.get(self.spec.method.name).oracle
        info = TaskInfo(
            classes=self.spec.classes,
            source_domains=tuple(str(d) for d in (task.targets if oracle else task.sources)),
            setting=self.spec.protocol.setting,
            total_steps=self.spec.protocol.steps,
            bottleneck=self.spec.recipe.bottleneck,
            dropout=self.spec.recipe.dropout,
        )
        torch.manual_seed(derive_seed("method", self.seed))
        return chosen(info, backbone, config).to(self.device)

    def _predict(self, method: Method, data: TaskData) -> dict[str, Prediction]:
        views = {"source_val": data.source_val.images}
        views |= {f"target_test:{name}": view.images for name, view in data.target_test.items()}
        if data.target_train is not None:
            views["target_train"] = data.target_train.images
        return {name: predict_all(method, images, self.device, self.precision) for name, images in views.items()}

    def _save_outputs(self, data: TaskData, predicted: dict[str, Prediction]) -> None:
        """Write what selection rules read: features and logits, and labels of the source only."""
        tensors = {"source_val.labels": data.source_val.labels.cpu().contiguous()}
        for name in ("source_val", "target_train"):
            if name in predicted:
                tensors[f"{name}.features"] = predicted[name].features.contiguous()
                tensors[f"{name}.logits"] = predicted[name].logits.contiguous()
        with atomic_path(self.folder / "outputs" / "last.safetensors") as temporary:
            save_file(tensors, temporary)

    def _evaluate(self, data: TaskData, predicted: dict[str, Prediction]) -> Predictions:
        """Open the target's labels, now that training is over, and lay them beside the predictions."""
        truth = open_target_labels(self.spec, self.catalog, self.registry)
        votes = open_target_soft_labels(self.spec, self.catalog, self.registry)
        ids, splits, domains = list(data.source_val.ids), ["source_val"] * len(data.source_val.ids), []
        names = [str(d) for d in self.spec.task.sources]
        domains += [names[i] for i in data.source_val.domains.tolist()]
        labels, logits = [data.source_val.labels.cpu().numpy()], [predicted["source_val"].logits.numpy()]
        for name, view in data.target_test.items():
            ids += view.ids
            splits += ["target_test"] * len(view.ids)
            domains += [name] * len(view.ids)
            labels.append(np.array([truth[i] for i in view.ids], dtype=np.int64))
            logits.append(predicted[f"target_test:{name}"].logits.numpy())
        return Predictions(
            ids,
            splits,
            domains,
            np.concatenate(labels).astype(np.int32),
            np.concatenate(logits).astype(np.float32),
            _soft(ids, votes, len(self.spec.classes)),
        )


def _soft(ids: list[str], votes: Mapping[str, npt.NDArray[np.float64]], classes: int) -> npt.NDArray[np.float32] | None:
    """Return the soft label of each image [N, K], NaN where it has none; None where none has."""
    if not votes:
        return None
    unknown = np.full(classes, np.nan)
    return np.stack([votes.get(name, unknown) for name in ids]).astype(np.float32)
