"""What the contract takes for the same result of two runs."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from torch import Tensor

from ucdver.evaluate.predictions import Predictions
from ucdver.testing.contract import Trained, same

NAN = float("nan")
LOGITS = np.zeros((1, 2), dtype=np.float32)
PLAIN = Trained(
    record=Mock(),
    predictions=Predictions(["a"], ["target_test"], ["toy:outline"], np.zeros(1, dtype=np.int32), LOGITS),
    state={"prototypes": torch.tensor([1.0, NAN])},
    outputs={"last.logits": torch.zeros(1, 2)},
    scores={"entropy": {12: 0.5}},
)


def test_a_buffer_that_holds_nan_is_the_same_as_itself() -> None:
    # As of a class that no image was taken for: the method is none the less reproducible.
    assert same(PLAIN, replace(PLAIN, state={"prototypes": torch.tensor([1.0, NAN])})) == []


@pytest.mark.parametrize(
    "state",
    [
        {"prototypes": torch.tensor([NAN, 1.0])},
        {"prototypes": torch.tensor([1.0, 0.0])},
        {"prototypes": torch.tensor([2.0, NAN])},
        {"prototypes": torch.tensor([1.0, NAN, NAN])},
        {"prototypes": torch.tensor([1.0, NAN], dtype=torch.float64)},
        {},
    ],
)
def test_another_state_is_told_by_its_name(state: dict[str, Tensor]) -> None:
    assert same(PLAIN, replace(PLAIN, state=state)) == ["prototypes"]
    assert same(replace(PLAIN, state=state), PLAIN) == ["prototypes"]


def test_logits_outputs_and_scores_are_told() -> None:
    other = replace(PLAIN.predictions, logits=LOGITS + 1)
    changed = replace(PLAIN, predictions=other, outputs={"last.logits": torch.ones(1, 2)}, scores={"entropy": {12: 1}})
    assert same(PLAIN, changed) == ["the logits", "last.logits", "the score of entropy"]
