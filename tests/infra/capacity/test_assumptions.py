from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, fields

import pytest

from infra.capacity.assumptions import Assumptions
from infra.errors import ConfigError

NAMES = [item.name for item in fields(Assumptions)]


def test_the_guides_assumptions_are_the_defaults() -> None:
    guide = Assumptions()
    assert (guide.adoption, guide.queries_per_user_per_day, guide.peak_multiplier) == (0.025, 4, 3)
    assert (guide.redundancy, guide.growth, guide.queries_per_transaction) == (1.5, 1.5, 0.1)
    assert (guide.inference_seconds, guide.gpu_time_ratio) == (3, 0.7)
    assert (guide.parallel_queries, guide.efficiency) == (2, 0.85)
    assert (guide.cpu_speed_ratio, guide.distribution_overhead) == (0.4, 1.5)
    assert (guide.embedding_share, guide.transformer_share) == (0.3, 0.7)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -1, 1e12])
def test_a_value_outside_its_domain_is_refused_with_the_range(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"{name} is {value}: must be a number in \["):
        Assumptions(**{name: value})


@pytest.mark.parametrize("name", NAMES)
def test_assumptions_do_not_change(name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(Assumptions(), name, 1)
