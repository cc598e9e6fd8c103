"""Which checkpoint of a finished run a rule chooses; scores are computed when they are asked for, and kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ucdver.errors import DataError, RunLockedError, SpecError, suggestion
from ucdver.evaluate.metrics import UndefinedMetricError, compute
from ucdver.registry import Registry
from ucdver.runs.lock import RunLock
from ucdver.runs.store import RunStore, checkpoint_name
from ucdver.selection.outputs import PARTS, LabelledTarget
from ucdver.selection.score import compute_score, load_rule, unfit
from ucdver.spec.labels import LabelSpace
from ucdver.spec.run import RunRecord, RunSpec

LAST = "last"


@dataclass(frozen=True)
class Choice:
    """The checkpoint that was chosen: after how many steps, and its score (higher is better, None where only one was).

    `end` says that it is the end of the run.
    """

    done: int
    score: float | None
    end: bool


class Selector:
    """Chooses the checkpoint of each run by one rule.

    Scores are kept in the run's record under `rule@version`, by checkpoint, so that they are computed once. Those of an
    oracle are computed anew from the predictions: they follow the metric.

    Args:
        store: the runs folder; what cannot be written there is computed and not kept.
        registry: where rule and metric are looked up.
        rule: name of a validator.
        metric: what an oracle goes by.

    Raises:
        SpecError: there is no such rule.
        PluginError: it cannot be loaded, or reads what it may not.
    """

    def __init__(self, store: RunStore, registry: Registry, rule: str, metric: str) -> None:
        self.store = store
        self.registry = registry
        self.rule = rule
        self.metric = metric
        self.oracle = False
        self._reads: tuple[str, ...] = ("step",)
        self._sign, self._slot = 1.0, LAST
        if rule == LAST:
            return
        if rule not in registry.validators:
            names = registry.validators.names or (LAST,)
            hint = suggestion(rule, names, f"write {', '.join(names)}")
            raise SpecError(f"there is no selection rule '{rule}'", hint)
        spec, _, self._reads = load_rule(registry, rule)
        self.oracle = spec.oracle
        self._sign = 1.0 if spec.higher_is_better else -1.0
        self._slot = f"{rule}@{spec.version}"

    @property
    def reads_outputs(self) -> bool:
        """Whether the rule reads what a run saved for rules, and not just its steps or its predictions."""
        return not PARTS.keys().isdisjoint(self._reads)

    def lacks(self, record: RunRecord) -> bool:
        """Return whether a run can have a score, has none, and has not saved what the rule reads."""
        if not self.reads_outputs or self.unfit(record):
            return False
        protocol, kept = record.spec.protocol, record.selection.get(self._slot, {})
        unscored = {checkpoint_name(done, protocol.steps) for done in protocol.checkpoint_steps()} - set(kept)
        return bool(unscored) and self.store.lacks_outputs(record.spec)

    def unfit(self, record: RunRecord) -> str:
        """Return why the rule has no meaning for a run, or an empty string."""
        method = record.spec.method.name
        oracle = method in self.registry.methods and self.registry.methods.get(method).oracle
        if oracle and "source_train" in self._reads:
            return f"{self.rule} reads the source's training images, and {method} trains on labelled target images"
        return unfit(record.spec.protocol, self.rule, self._reads)

    def choose(self, record: RunRecord, scored: bool = False) -> Choice:
        """Return the checkpoint that the rule chooses; of equally good ones, the latest.

        Where a run has one checkpoint there is nothing to choose, and no score is needed; `scored` asks for it anyhow.

        Raises:
            DataError: the outputs of a checkpoint are absent or damaged, or its score is not finite.
        """
        steps = record.spec.protocol.checkpoint_steps()
        if self.rule == LAST or (len(steps) == 1 and not scored):
            return Choice(steps[-1], None, True)
        found = self.scores(record)
        done = max(steps, key=lambda step: (found[step], step))
        return Choice(done, found[done], done == steps[-1])

    def scores(self, record: RunRecord) -> dict[int, float]:
        """Return the score of each checkpoint by its steps, the sign such that higher is better."""
        spec = record.spec
        steps = spec.protocol.checkpoint_steps()
        names = {step: checkpoint_name(step, spec.protocol.steps) for step in steps}
        kept = {} if self.oracle else record.selection.get(self._slot, {})
        values = {step: kept[name] if name in kept else self._compute(record, step) for step, name in names.items()}
        if not self.oracle and any(name not in kept for name in names.values()):
            self._keep(record, {names[step]: value for step, value in values.items()})
        return {step: self._sign * value for step, value in values.items()}

    def _compute(self, record: RunRecord, step: int) -> float:
        truth = self._labelled(record, step) if self.oracle else None
        path = self.store.outputs_path(record.spec, step)
        if self.reads_outputs and not path.is_file():
            alone = record.spec.protocol.checkpoints == 1
            raise DataError(
                f"{path} is not there, and {self.rule} reads it",
                f"run its suite with --tune N --by {self.rule}" if alone else "run it again with --rerun always",
            )
        return compute_score(self.registry, self.rule, path, step, truth)

    def _labelled(self, record: RunRecord, step: int) -> LabelledTarget:
        key, protocol = record.spec.key(), record.spec.protocol
        tested = self.store.predictions(key, None if step == protocol.steps else step).select("target_test")
        metric = self.registry.metrics.get(self.metric)
        space = run_space(self.registry, record.spec)

        def value(
            labels: NDArray[np.int64], probabilities: NDArray[np.float64], soft: NDArray[np.float32] | None
        ) -> float | None:
            try:
                return compute(self.registry, self.metric, labels, probabilities, space, soft, tested.classes_only)
            except UndefinedMetricError:
                if tested.classes_only and metric.reads != "class":
                    raise
                # Of several targets one may have nothing that the metric reads.
                return None

        return LabelledTarget(
            tested.labels.astype(np.int64),
            tested.probabilities(),
            tuple(tested.domains),
            value,
            metric.higher_is_better,
            tested.soft,
        )

    def _keep(self, record: RunRecord, values: dict[str, float]) -> None:
        """Add scores to the record on disk, which is read anew under the run's lock and replaced as a whole."""
        key = record.spec.key()
        try:
            with RunLock(self.store.folder(key)):
                current = self.store.record(key)
                # A run that was made anew meanwhile has other outputs.
                if current is None or current.provenance != record.provenance:
                    return
                selection = {**current.selection, self._slot: values}
                self.store.write_record(current.model_copy(update={"selection": selection}))
        except (OSError, RunLockedError):
            # Somebody else's folder, or a run that is being made: the scores serve this time only.
            return


def run_space(registry: Registry, spec: RunSpec) -> LabelSpace:
    """Return the label space with the classes of the run, whose order is that of the logits."""
    name, classes = spec.task.label_space, spec.classes
    if name not in registry.label_spaces:
        # A table can be made of somebody else's runs without the plugin that declares the space.
        return LabelSpace(name=name, classes=classes)
    space = registry.label_spaces.get(name)
    polarity = {c: v for c, v in space.polarity.items() if c in classes}
    wheel = {c: v for c, v in space.wheel.items() if c in classes}
    # A level speaks of every class, so it is kept only where the run knew the same ones.
    levels = space.levels if set(space.classes) == set(classes) else {}
    return LabelSpace(name=name, classes=classes, polarity=polarity, wheel=wheel, levels=levels)
