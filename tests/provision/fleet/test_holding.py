from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infra.declaration import Phase
from infra.errors import ConfigError, PreflightError
from provision.costing import Costing
from provision.fleet.holding import held, stacks_held
from provision.fleet.record import FleetRecord, save_fleet
from provision.fleet.states import states_that_hold
from provision.inputs import InputFlags, read_inputs
from provision.prices import load_prices
from provision.state import DeploymentFolder


@pytest.fixture(scope="module")
def record() -> FleetRecord:
    inputs = read_inputs(InputFlags(config=None, assume=(), as_guide=False))
    config = Costing(inputs=inputs, book=load_prices()).declared(Phase.MVP)
    return FleetRecord(
        deployment="mine", status="made", config=config, applied=config,
        created_at="2026-11-24T00:00:00+00:00",
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, record: FleetRecord) -> DeploymentFolder:
    folder = DeploymentFolder(tmp_path, "mine")
    folder.create()
    save_fleet(folder, record)
    return folder


def test_a_command_that_has_read_an_older_record_is_refused(
    folder: DeploymentFolder, record: FleetRecord
) -> None:
    with held(folder, command="qinfra stop", seen=record):
        save_fleet(folder, replace(record, status="stopped"))
    with (
        pytest.raises(PreflightError, match="has just changed deployment mine"),
        held(folder, command="qinfra stop", seen=record),
    ):
        pytest.fail("it went on")


def test_what_was_destroyed_meanwhile_is_said_to_be(
    folder: DeploymentFolder, record: FleetRecord
) -> None:
    folder.remove()
    with (
        pytest.raises(PreflightError, match="mine has just been destroyed"),
        held(folder, command="qinfra stop", seen=record),
    ):
        pytest.fail("it went on")


def test_nobody_plans_while_another_is_asked(folder: DeploymentFolder) -> None:
    with (
        stacks_held(folder, command="qinfra deploy"),
        pytest.raises(PreflightError, match="in use by `qinfra deploy`"),
        stacks_held(folder, command="qinfra plan"),
    ):
        pytest.fail("it went on")


def test_states_that_hold_something_are_found(folder: DeploymentFolder) -> None:
    assert states_that_hold(folder.stacks) == ()
    files = [folder.stacks / "stacks" / name / "terraform.tfstate" for name in ("a", "b")]
    for file, text in zip(files, ('{"resources": []}', '{"resources": [{}]}'), strict=True):
        file.parent.mkdir(parents=True)
        file.write_text(text)
    assert states_that_hold(folder.stacks) == (files[1],)
    files[0].write_text('{"resources"')
    with pytest.raises(ConfigError, match="is no state of Terraform's"):
        states_that_hold(folder.stacks)
