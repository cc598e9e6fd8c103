"""SWAD: weights averaged densely over the flat valley of the validation loss (Cha et al., NeurIPS 2021)."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, MethodConfig, ParameterGroup, Prediction, SpecError, TaskInfo, Views
from ucdver_uda.loss_valley import LossValley
from ucdver_uda.network_copy import NetworkCopy, trained_groups


class SWAD(Method):
    """Cross entropy on the source; what predicts is the mean of the weights of all steps of the epochs in the valley.

    Whether there is one is read back from the device at the end of each epoch and in the last step, in no other.

    The valley is found on the source images that are held out, once an epoch (the paper: every 50 to 500 steps). A run
    that ends before the loss has settled predicts with its last weights. Running batch statistics are averaged like
    weights; the paper freezes them. Until the last step predictions are those of the weights in training, on which the
    valley is found.

    Paper: Cha et al., SWAD: Domain Generalization by Seeking Flat Minima, NeurIPS 2021.
    """

    class Config(MethodConfig):
        """`converge`: N_s, 3 in the paper; `patience`: N_e, 6; `tolerance`: r, 1.3, for VLCS 1.2.

        The authors' code: https://github.com/khanrc/swad.
        """

        converge: int = Field(default=3, ge=1)
        patience: int = Field(default=6, ge=1)
        tolerance: float = Field(default=1.3, ge=1, json_schema_extra={"search": [1.1, 1.5]})

    config: Config
    wants_views = True

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        self.average = NetworkCopy(self)
        self.valley = LossValley(self.average, config.converge, config.patience, config.tolerance)
        self.register_buffer("finished", self.valley.count.new_zeros(()))

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the usual groups without the average."""
        return trained_groups(self, self.average)

    def on_epoch(self, views: Views | None, epoch: int) -> None:
        """Close the epoch that has passed, with the loss on the held-out source images."""
        if (
            views is None
            or views.source_val is None
            or views.source_val_labels is None
            or not len(views.source_val_labels)
        ):
            raise SpecError("swad needs held-out source images to find the valley", "set val_fraction in [split]")
        if epoch:
            self.valley.close_segment(float(F.cross_entropy(views.source_val.logits, views.source_val_labels)))

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the cross entropy, under "total"."""
        if batch.step:
            # The weights that the step before left.
            self.average.pull(self, 1.0)
            self.valley.add(self.average)
        if batch.step + 1 == batch.total_steps:
            self.valley.write_mean(self.average)
            self.get_buffer("finished").fill_(1)
        return {"total": F.cross_entropy(self(batch.sources.images), batch.sources.labels)}

    def predict(self, images: Tensor, extras: Mapping[str, Tensor]) -> Prediction:
        """Return features and logits: of the average when training is over and the valley was found."""
        if self.valley.found and bool(self.get_buffer("finished")):
            return Prediction(*self.average(images))
        return super().predict(images, extras)
