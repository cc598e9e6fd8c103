from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucdver.stats.holm import holm


def naive(p: dict[str, float], level: float) -> set[str]:
    """Return what Holm's procedure rejects, step by step as he wrote it."""
    rejected: set[str] = set()
    for name in sorted(p, key=lambda n: (p[n], n)):
        if p[name] > level / (len(p) - len(rejected)):
            break
        rejected.add(name)
    return rejected


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1), min_size=1), st.floats(0.001, 0.5))
def test_adjusted_values_reject_what_the_procedure_rejects(p: dict[str, float], level: float) -> None:
    adjusted = holm(p)
    assert list(adjusted) == list(p)
    clear = {n for n in p if abs(adjusted[n] - level) > 1e-9}
    assert {n for n in clear if adjusted[n] <= level} == naive(p, level) & clear
    assert all(p[n] <= adjusted[n] <= 1 for n in p)


def test_what_is_no_p_value_is_refused() -> None:
    with pytest.raises(ValueError):
        holm({"a": 1.2})
    assert holm({}) == {}
