from __future__ import annotations

import math
from dataclasses import fields

import pytest

from infra.capacity.assumptions import Assumptions
from infra.domain import Interval
from infra.errors import ConfigError
from infra.ranges import VARIED, LogNormal, Triangular, domain_of

SHARE = Interval(0, 1)


@pytest.mark.parametrize(
    ("low", "mode", "high", "reason"),
    [
        (0.2, None, 0.1, "low 0.2 is not below high 0.1"),
        (0.1, None, 0.1, "low 0.1 is not below high 0.1"),
        (0.1, 0.3, 0.2, "mode 0.3 is outside 0.1 to 0.2"),
        (math.nan, None, 0.1, "low is nan"),
        (0.1, math.nan, 0.2, "mode is nan"),
        (0.1, None, math.inf, "high is inf"),
    ],
)
def test_a_triangle_is_finite_and_in_order(
    low: float, mode: float | None, high: float, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        Triangular(low=low, mode=mode, high=high)


@pytest.mark.parametrize("median", [0, -1, math.nan, math.inf])
def test_a_median_is_above_zero(median: float) -> None:
    with pytest.raises(ConfigError, match="median is"):
        LogNormal(median=median, sigma=1)


@pytest.mark.parametrize("sigma", [0, -1, 3.1, math.nan])
def test_sigma_is_bounded(sigma: float) -> None:
    with pytest.raises(ConfigError, match="sigma is"):
        LogNormal(median=1, sigma=sigma)


def test_a_triangle_ends_where_it_ends_and_a_log_normal_at_5_and_95_percent() -> None:
    assert Triangular(low=0.1, high=0.2).ends(SHARE) == (0.1, 0.2)
    low, high = LogNormal(median=3, sigma=0.4).ends(Interval(0.001, 86_400))
    assert low == pytest.approx(3 * math.exp(-1.645 * 0.4), rel=1e-3)
    assert high == pytest.approx(3 * math.exp(1.645 * 0.4), rel=1e-3)


def test_a_log_normal_stays_in_its_domain() -> None:
    low, high = LogNormal(median=1, sigma=3).ends(SHARE)
    assert 0 < low < high <= 1


def test_the_domains_are_those_of_the_assumptions() -> None:
    for item in fields(Assumptions):
        if item.name in VARIED:
            assert VARIED[item.name] == item.metadata["domain"]


def test_what_has_no_range_says_so() -> None:
    with pytest.raises(ConfigError, match="did you mean 'adoption'"):
        domain_of("adoptin")
    for key in ("log_kib_per_query", "parallel_queries", "spot_fallback_share"):
        with pytest.raises(ConfigError, match=f"{key} has no range"):
            domain_of(key)
