"""Whether clusters of the target's features agree with the predicted classes (Musgrave et al., 2022: ClassAMI)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from ucdver.selection.outputs import SourceOutputs, TargetOutputs

Agreement = Literal["ami", "ari", "v_measure"]


def cluster_agreement(target: TargetOutputs, measure: Agreement = "ami", source: SourceOutputs | None = None) -> float:
    """Return how well k-means clusters of the features agree with the predicted classes, 1 for entirely.

    Lloyd's algorithm starts from the mean of each class, zero for a class without images. With `source` its features
    and true labels are appended, so that clusters must agree with those too.
    """
    from sklearn import metrics
    from sklearn.cluster import KMeans

    features, labels = target.features, target.logits.argmax(dim=1)
    if source is not None:
        features, labels = torch.cat([source.features, features]), torch.cat([source.labels, labels])
    classes = target.logits.shape[1]
    counts = torch.bincount(labels, minlength=classes).clamp_min(1)[:, None]
    centres = torch.zeros(classes, features.shape[1], dtype=torch.float64)
    centres.index_add_(0, labels, features.double())
    start = (centres / counts).to(features.dtype).numpy()
    # k-means has no more clusters than it has different points.
    if len(np.unique(features.numpy(), axis=0)) < classes:
        return 0.0
    found = KMeans(classes, init=start, n_init=1).fit_predict(features.numpy())
    score_of = {
        "ami": metrics.adjusted_mutual_info_score,
        "ari": metrics.adjusted_rand_score,
        "v_measure": metrics.v_measure_score,
    }[measure]
    return float(score_of(labels.numpy(), found))


def score(target_train: TargetOutputs) -> float:
    """Return the adjusted mutual information of clusters and predicted classes on the target."""
    return cluster_agreement(target_train)
