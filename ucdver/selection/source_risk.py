"""The risk on held-out source images, which knows nothing of the target."""

from __future__ import annotations

from torch.nn.functional import cross_entropy

from ucdver.selection.outputs import SourceOutputs


def score(source_val: SourceOutputs) -> float:
    """Return the mean cross entropy in nats; lower is better."""
    return float(cross_entropy(source_val.logits.double(), source_val.labels))
