import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucdver.spec.recipe import OptimRecipe
from ucdver.train.optim import lr_factor


def test_schedules_are_what_the_papers_say() -> None:
    ganin = OptimRecipe(schedule="ganin")
    assert lr_factor(ganin, 0, 100) == 1.0
    assert lr_factor(ganin, 50, 100) == pytest.approx((1 + 10 * 0.5) ** -0.75)
    inverse = OptimRecipe(schedule="inverse", gamma=0.001)
    assert lr_factor(inverse, 1000, 5) == pytest.approx(2**-0.75)
    cosine = OptimRecipe(schedule="cosine")
    assert lr_factor(cosine, 25, 100) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
    assert lr_factor(OptimRecipe(schedule="constant"), 99, 100) == 1.0


@given(
    schedule=st.sampled_from(["constant", "cosine", "ganin", "inverse"]),
    warmup=st.floats(0, 0.5),
    total=st.integers(1, 300),
)
def test_a_factor_stays_in_the_unit_interval_and_falls_after_warmup(schedule: str, warmup: float, total: int) -> None:
    recipe = OptimRecipe.model_validate({"schedule": schedule, "warmup": warmup})
    factors = [lr_factor(recipe, step, total) for step in range(total)]
    assert all(0 <= f <= 1 for f in factors)
    after = factors[round(warmup * total) :]
    assert all(a >= b for a, b in pairwise(after))
