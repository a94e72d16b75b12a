from __future__ import annotations

from pathlib import Path

import pytest

from infra.errors import ConfigError
from infra.ranges import LogNormal, Spread, Triangular
from provision.ranges import asked_ranges, range_flag


@pytest.mark.parametrize(
    ("text", "key", "spread"),
    [
        ("adoption=0.01:0.02:0.05", "adoption", Triangular(low=0.01, mode=0.02, high=0.05)),
        ("adoption=0.01::0.05", "adoption", Triangular(low=0.01, high=0.05)),
        ("peak-multiplier= 2 : 3 : 4 ", "peak_multiplier", Triangular(low=2, mode=3, high=4)),
        ("inference_seconds=~3:0.4", "inference_seconds", LogNormal(median=3, sigma=0.4)),
    ],
)
def test_a_flag_is_a_key_and_a_range(text: str, key: str, spread: Spread) -> None:
    assert range_flag(text) == (key, spread)


@pytest.mark.parametrize("text", ["", "adoption", "adoption=", "=1:2:3", "growth=1:2", "growth=~1"])
def test_of_no_form_it_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="neither KEY=LOW:MODE:HIGH nor KEY=~MEDIAN:SIGMA"):
        range_flag(text)


def test_the_last_flag_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = asked_ranges(None, ("growth=1:2:3", "growth=2:3:4"))
    assert found["growth"].spread == Triangular(low=2, mode=3, high=4)
