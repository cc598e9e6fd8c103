import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ucdver.backbones.base import PrecomputedFeatures
from ucdver.methods.base import TaskInfo
from ucdver.methods.source_only import SourceOnly
from ucdver.spec.recipe import OptimRecipe
from ucdver.train.optim import build_optimiser, lr_factor


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


def test_a_parameter_may_get_its_first_gradient_later_than_others() -> None:
    """As in methods that train in stages; the update is that of plain momentum, whenever it begins."""
    torch.manual_seed(0)
    method = SourceOnly(TaskInfo(("a", "b"), ("d:a",), "uda", 4), PrecomputedFeatures(3), SourceOnly.Config())
    optimiser = build_optimiser(method, OptimRecipe(lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.0))
    late = method.head.weight
    before = late.detach().clone()
    for gradient in (None, 1.0, 1.0):
        for parameter in method.parameters():
            parameter.grad = torch.ones_like(parameter)
        late.grad = None if gradient is None else torch.full_like(late, gradient)
        optimiser.step()
        if gradient is None:
            assert torch.equal(late, before)
    torch.testing.assert_close(late, before - 0.1 * (1 + 1.9))
