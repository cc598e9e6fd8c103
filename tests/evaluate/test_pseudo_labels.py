import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucdver.evaluate.pseudo_labels import halves, pseudo_label_quality
from ucdver.train.pseudo_log import PseudoLabelled


def test_shares_are_counted_over_images_and_the_believed_apart() -> None:
    truth = {"a": 0, "b": 0, "c": 1, "d": 2}
    steps = [
        PseudoLabelled(5, ("a", "b"), (0, 1), (1.0, 0.0), (0.9, 0.4)),
        PseudoLabelled(10, ("c", "d"), (0, 2), (0.5, 2.0), (0.8, 0.7)),
    ]
    found = pseudo_label_quality(steps, truth)
    assert (found.first, found.last, found.images) == (5, 10, 4)
    assert found.coverage == 3 / 4 and found.accuracy == 2 / 4
    assert found.accuracy_believed == pytest.approx(2 / 3)
    assert found.majority == 2 / 4


def test_where_nothing_is_believed_there_is_no_share_of_it() -> None:
    found = pseudo_label_quality([PseudoLabelled(1, ("a",), (0,), (0.0,), (0.3,))], {"a": 0})
    assert found.coverage == 0 and found.accuracy == 1 and found.accuracy_believed is None


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20, unique=True), st.integers(0, 1000))
def test_halves_keep_every_step_once_in_order(numbers: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps = [PseudoLabelled(n, ("a",), (int(rng.integers(3)),), (1.0,), (0.5,)) for n in sorted(numbers)]
    parts = halves(steps)
    assert [step for part in parts for step in part] == steps
    assert len(parts) == (1 if len(steps) == 1 else 2)
