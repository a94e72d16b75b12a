from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.capacity.rounding import Rounding
from infra.errors import ConfigError
from provision.inputs import InputFlags, assumed, read_inputs


def flags(**given: object) -> InputFlags:
    plain = {"config": None, "assume": (), "as_guide": False}
    return InputFlags(**(plain | given))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_flags_the_guide_is_exact() -> None:
    inputs = read_inputs(flags())
    assert inputs.metrics == GUIDE_NETWORK
    assert inputs.assumptions == Assumptions()
    assert inputs.rounding is Rounding.EXACT
    assert inputs.network_notes == ("guide v3.0 §1.1, measured 2025-08-21",)


def test_a_flag_wins_over_the_file(elsewhere: Path) -> None:
    (elsewhere / "qinfra.toml").write_text("[assumptions]\nadoption = 0.05\ngrowth = 2\n")
    inputs = read_inputs(flags(assume=("adoption=0.1",), as_guide=True))
    assert inputs.assumptions == Assumptions(adoption=0.1, growth=2)
    assert inputs.rounding is Rounding.GUIDE


@pytest.mark.parametrize("name", [item.name for item in fields(Assumptions)])
def test_every_assumption_can_be_changed(name: str) -> None:
    value = getattr(Assumptions(), name)
    if name != "parallel_queries":
        other = value * 0.99 + 0.005
        assert getattr(assumed(Assumptions(), (f"{name}={other}",)), name) == other
    assert assumed(Assumptions(), (f"{name.replace('_', '-')} = {value}",)) == Assumptions()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("adoption", "--assume 'adoption' is not KEY=VALUE"),
        ("adopton=1", "assumption 'adopton' is unknown; did you mean 'adoption'?"),
        ("adoption=many", "--assume adoption: 'many' is not a number"),
        ("parallel_queries=1.5", "'1.5' is not a whole number"),
        ("adoption=nan", "adoption is nan: must be a number in [0, 1]"),
        ("adoption=1.1", "adoption is 1.1: must be a number in [0, 1]"),
        ("adoption=-0.1", "adoption is -0.1"),
    ],
)
def test_a_change_that_cannot_be_is_refused(change: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        assumed(Assumptions(), (change,))
    assert reason in str(caught.value)
