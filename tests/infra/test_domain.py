from __future__ import annotations

import pytest

from infra.domain import Interval, typed, unknown
from infra.errors import ConfigError


@pytest.mark.parametrize("value", [0, 1, 0.5])
def test_an_interval_is_closed(value: float) -> None:
    Interval(0, 1).check("share", value)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_outside_is_refused_with_name_value_and_range(value: float) -> None:
    with pytest.raises(ConfigError, match=rf"share is {value}: must be a number in \[0, 1\]"):
        Interval(0, 1).check("share", value)


def test_an_integer_passes_for_a_float_but_a_bool_for_neither() -> None:
    assert typed({"n": 3}, "n", float, source="here") == 3
    for kind in (int, float):
        with pytest.raises(ConfigError, match="here: 'n' is True"):
            typed({"n": True}, "n", kind, source="here")


def test_a_near_name_is_suggested_and_all_are_listed() -> None:
    error = unknown("phase", "prod", ("demo", "production"))
    assert str(error) == "phase 'prod' is unknown; did you mean 'production'?"
    assert error.hint == "Use one of: demo, production."


def test_nothing_near_is_suggested_for_noise() -> None:
    assert "did you mean" not in str(unknown("phase", "zzz", ("demo", "production")))
