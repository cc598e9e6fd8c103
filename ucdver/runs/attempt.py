"""The stations of one run: load, train, predict, evaluate, and the files each leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ucdver.backbones.base import Backbone, PrecomputedFeatures
from ucdver.backbones.build import edited_sha256
from ucdver.data.annotation_cache import open_annotations
from ucdver.data.catalog import Catalog
from ucdver.data.decode import BACKGROUNDS
from ucdver.data.features import open_features
from ucdver.data.images import ImageStore
from ucdver.data.rows import Rows, select_rows
from ucdver.data.views import SourceView, TargetView, TaskData, load_task
from ucdver.errors import SpecError
from ucdver.evaluate.cost import CostMeter
from ucdver.evaluate.predictions import Predictions
from ucdver.evaluate.target_labels import open_target_labels, open_target_soft_labels, soft_rows
from ucdver.methods.base import Method, Prediction, TaskInfo
from ucdver.methods.config import method_class, resolve_config
from ucdver.registry import Registry
from ucdver.runs.backbone import feature_key, seeded_backbone
from ucdver.runs.options import Observer, WorkerOptions
from ucdver.runs.outputs import OutputWriter
from ucdver.runs.store import RunStore, start_over
from ucdver.seeds import derive_seed, run_seed, scoped_seed
from ucdver.source import source_sha256, version_of
from ucdver.spec.run import Cost, RunSpec
from ucdver.spec.task import Domain
from ucdver.train.checkpoint import begun_with, point_path, write_begun_with
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
        # With one checkpoint no rule has anything to choose within the run: what rules read would be made for nobody.
        self.leaves_outputs = options.outputs or spec.protocol.checkpoints > 1

    def carry_out(self, observe: Observer) -> Cost:
        """Load, train, predict, evaluate; return the cost."""
        torch.set_num_threads(self.options.threads)
        meter = CostMeter(self.device)
        method, data = self._built()
        self._begin()
        loop = self._loop(method, data)
        writer = self._writer(method, data)

        seconds = loop.run(observe, writer.save)
        predicted = self._predict(method, data)
        target = next(iter(data.target_test.values()))
        # Before what is saved for selection rules, which is no part of what the method costs.
        cost = meter.cost(method, seconds, loop.steps_made, target, self.precision)
        if self.leaves_outputs:
            writer.save(self.spec.protocol.steps, predicted)
        self._write_predictions(data, predicted)
        return cost

    def add_outputs(self, observe: Observer) -> None:
        """Save what selection rules read of a run that is done, with the weights that it left; nothing is trained."""
        method, data = self.trained(observe)
        steps = self.spec.protocol.steps
        with scoped_seed("checkpoint", self.spec.seed, steps):
            self._writer(method, data).save(steps)

    def trained(self, observe: Observer) -> tuple[Method, TaskData]:
        """Return the method of a run that is done, with the weights that it left, and the run's data."""
        torch.set_num_threads(self.options.threads)
        method, data = self._built()
        self._loop(method, data).run(observe)
        return method, data

    def _begin(self) -> None:
        """Let what another source of the method began be begun anew: half of each would be the result of neither."""
        source = source_sha256(method_class(self.registry, self.spec.method.name))
        if begun_with(self.folder) not in ("", source):
            start_over(self.folder)
        write_begun_with(self.folder, source)

    def _check_unchanged(self) -> None:
        """Refuse to carry out a run with other code than its key names: `ucdver_local.py` may be edited meanwhile."""
        chosen = self.spec.method
        declared = self.registry.methods.get(chosen.name)
        changed = ""
        if version_of(declared.version, declared.target, method_class(self.registry, chosen.name)) != chosen.version:
            changed = f"method '{chosen.name}'"
        elif edited_sha256(self.registry, self.spec.recipe) != self.spec.backbone_sha256:
            changed = f"backbone '{self.spec.recipe.backbone_name}'"
        if changed:
            raise SpecError(f"{changed} changed since the run was planned", "run the bench again")

    def _built(self) -> tuple[Method, TaskData]:
        """Return the method before its first step, and the run's data."""
        self._check_unchanged()
        backbone = self._backbone()
        data = self._data(backbone)
        return self._method(backbone, data), data

    def _loop(self, method: Method, data: TaskData) -> Loop:
        reads_target = self.registry.methods.get(self.spec.method.name).reads_target
        return Loop(self.spec, method, data, self.device, self.folder, self.options.loop, reads_target)

    def _backbone(self) -> Backbone:
        return seeded_backbone(self.registry, self.spec, self.device)

    def _data(self, backbone: Backbone) -> TaskData:
        oracle = self.registry.methods.get(self.spec.method.name).oracle

        def features(store: ImageStore) -> npt.NDArray[np.float32]:
            return open_features(store, backbone, feature_key(self.spec), self.device)

        def annotations(name: str, domain: Domain) -> npt.NDArray[Any]:
            return open_annotations(self.options.home, self.spec, name, domain)

        return load_task(
            self.spec,
            self.catalog,
            self.registry,
            features=features if self.spec.recipe.frozen else None,
            annotations=annotations,
            oracle=oracle,
        )

    def _method(self, backbone: Backbone, data: TaskData) -> Method:
        if self.spec.recipe.frozen:
            backbone = PrecomputedFeatures(backbone.num_features)
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
            background=BACKGROUNDS[self.spec.recipe.image.background] / 255,
            extras={name: tuple(rows.shape[1:]) for name, rows in data.source_train.extras.items()},
        )
        torch.manual_seed(derive_seed("method", self.seed))
        return chosen(info, backbone, config).to(self.device)

    def _predict(self, method: Method, data: TaskData) -> dict[str, Prediction]:
        views: dict[str, SourceView | TargetView] = {"source_val": data.source_val}
        views |= {f"target_test:{name}": view for name, view in data.target_test.items()}
        if data.target_train is not None and self.leaves_outputs:
            views["target_train"] = data.target_train
        # Seeded for a method that draws to predict: what it drew in training is not known to a run gone on with.
        with scoped_seed("checkpoint", self.spec.seed, self.spec.protocol.steps):
            return {
                name: predict_all(method, view.images, self.device, self.precision, view.extras)
                for name, view in views.items()
            }

    def _writer(self, method: Method, data: TaskData) -> OutputWriter:
        oracle = self.registry.methods.get(self.spec.method.name).oracle

        sides: dict[str, SourceView | TargetView] = {"source_val": data.source_val, "source_train": data.source_train}
        if data.target_train is not None:
            sides["target_train"] = data.target_train

        def predict(side: str, rows: Tensor, images: Rows) -> Prediction:
            extras = {name: select_rows(values, rows) for name, values in sides[side].extras.items()}
            return predict_all(method, images, self.device, self.precision, extras)

        return OutputWriter(self.folder, data, predict, self.spec.protocol.steps, oracle)

    def _write_predictions(self, data: TaskData, predicted: dict[str, Prediction]) -> None:
        """Write the predictions of every checkpoint; the target's labels are opened when the last of them was made."""
        logits = {
            done: self._test_logits(data, done)
            for done in self.spec.protocol.checkpoint_steps()[:-1]
            # Else the run was stopped between this and its record.
            if point_path(self.folder, done).exists() or not self.store.has_predictions(self.spec.key(), done)
        }
        last = self._evaluate(data, predicted)
        rows = [i for i, split in enumerate(last.splits) if split == "target_test"]
        for done, found in logits.items():
            self.store.write_predictions(self.spec.key(), replace(last.take(rows), logits=found), done)
            point_path(self.folder, done).unlink()
        self.store.write_predictions(self.spec.key(), last)

    def _test_logits(self, data: TaskData, done: int) -> npt.NDArray[np.float32]:
        """Return logits [N, K] on the test images after `done` steps, of a method made anew with the weights of then.

        The method that was trained is shown no test image before its last step: it might keep it.
        """
        method = self._method(self._backbone(), data)
        self._loop(method, data).restore(done)
        with scoped_seed("checkpoint", self.spec.seed, done):
            found = [
                predict_all(method, view.images, self.device, self.precision, view.extras).logits
                for view in data.target_test.values()
            ]
        logits: npt.NDArray[np.float32] = torch.cat(found).numpy().astype(np.float32)
        return logits

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
            soft_rows(ids, votes, len(self.spec.classes)),
        )
