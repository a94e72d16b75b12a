"""Steps that are stopped, locked out or killed: what is left of state and lock."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from provision.cli.options import terminable
from provision.targets.processes import wait_for
from provision.terraform.binary import Binary
from provision.terraform.errors import StateLocked, StepStopped
from provision.terraform.events import ApplyErrored, Stopping
from provision.terraform.run import Limits, Terraform
from tests.provision.terraforming import (
    Stacked,
    applying_elsewhere,
    needs_terraform,
    once,
    three_in_a_row,
)


def terraform_in(folder: Path) -> list[psutil.Process]:
    return [
        each
        for each in psutil.process_iter(["name", "cwd"])
        if each.info["name"] in ("terraform", "tofu") and each.info["cwd"] == str(folder)
    ]


def assert_goes_on(made: Stacked) -> None:
    """The first is there, the second is to be made anew, the third is still to come."""
    assert made.addresses() == ["first", "second"]
    summary = made.plan()
    assert [each.address for each in summary.replacements] == ["terraform_data.second"]
    assert summary.adds == ("terraform_data.third",)


@needs_terraform
@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_an_interrupted_apply_writes_its_state_and_frees_it(
    tmp_path: Path, number: signal.Signals, raised: type[BaseException]
) -> None:
    made = Stacked(tmp_path, three_in_a_row())
    made.plan()
    with terminable(), once(made.started, number), pytest.raises(raised):
        made.apply()
    assert made.told(Stopping) == [Stopping(why="interrupted", grace_seconds=10)]
    assert made.told(ApplyErrored)[0].address == "terraform_data.second"
    assert not made.lock_file.exists()
    assert_goes_on(made)


@needs_terraform
def test_a_deadline_stops_an_apply_as_gently(tmp_path: Path) -> None:
    made = Stacked(tmp_path, three_in_a_row(), apply=2.0)
    made.plan()
    with pytest.raises(StepStopped, match="apply was stopped after 2 s") as stopped:
        made.apply()
    assert not stopped.value.may_be_locked
    assert stopped.value.exit_code == 5
    assert made.told(Stopping)[0].why == "out of time"
    assert not made.lock_file.exists()
    assert_goes_on(made)


@needs_terraform
def test_an_error_of_who_listens_stops_it_too(tmp_path: Path) -> None:
    made = Stacked(tmp_path, three_in_a_row())
    made.plan()

    def broken(event: object) -> None:
        raise BrokenPipeError

    made.terraform._on_event = broken
    with pytest.raises(BrokenPipeError):
        made.apply()
    assert not made.lock_file.exists()
    assert terraform_in(tmp_path) == []


@needs_terraform
def test_a_second_writer_is_told_who_holds_the_state(tmp_path: Path) -> None:
    made = Stacked(tmp_path, three_in_a_row())
    made.plan()
    with applying_elsewhere(made), pytest.raises(StateLocked) as locked:
        made.plan()
    lock = locked.value.lock
    assert lock.operation == "apply"
    assert "@" in lock.who
    assert lock.since.startswith("20")
    assert f"force-unlock {lock.id}" in locked.value.hint
    assert f"locked by {lock.who} for apply since {lock.since}" in str(locked.value)
    assert locked.value.exit_code == 3


@needs_terraform
def test_a_killed_terraform_is_told_and_the_next_plan_recovers(tmp_path: Path) -> None:
    made = Stacked(tmp_path, three_in_a_row())
    made.plan()

    def kill() -> None:
        wait_for(made.started.exists, timeout_seconds=15)
        for each in terraform_in(tmp_path):
            each.kill()

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(StepStopped, match="the state may be locked") as stopped:
        made.apply()
    thread.join()
    assert stopped.value.may_be_locked
    assert made.lock_file.exists()
    # Of a local state, the kernel's lock has gone with its holder; what it had written stays.
    assert "terraform_data.third" in made.plan().adds
    end_sleepers(tmp_path)


def end_sleepers(folder: Path) -> None:
    for each in psutil.process_iter(["name", "cwd"]):
        if each.info["name"] == "sleep" and each.info["cwd"] == str(folder):
            each.kill()


@needs_terraform
def test_a_killed_toolkit_leaves_terraform_to_end_by_itself(tmp_path: Path) -> None:
    made = Stacked(tmp_path, three_in_a_row())
    made.plan()
    with applying_elsewhere(made) as other:
        other.kill()
        other.wait()
        with pytest.raises(StateLocked):
            made.plan()
        end_sleepers(tmp_path)
        assert wait_for(lambda: not terraform_in(tmp_path), timeout_seconds=10)
    assert not made.lock_file.exists()
    assert_goes_on(made)


DEAF = """#!/bin/sh
case "$1" in version) echo '{"terraform_version": "1.11.0"}';; esac
trap 'echo asked >> asked' INT
trap : TERM
touch started
while true; do sleep 0.1; done
"""


def deaf(folder: Path, grace: float) -> Terraform:
    path = folder / "terraform"
    path.write_text(DEAF)
    path.chmod(0o755)
    binary = Binary(path=path, name="terraform", version="1.11.0")
    limits = Limits(init=1.0, grace=grace)
    return Terraform(folder, binary, os.environ, lambda _: None, limits)


def test_one_that_never_stops_is_asked_twice_and_then_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provision.terraform.process._LAST_SECONDS", 1.0)
    began = time.monotonic()
    with pytest.raises(StepStopped, match="init was killed"):
        deaf(tmp_path, grace=1.0).init()
    assert (tmp_path / "asked").read_text() == "asked\nasked\n"
    assert 3.0 <= time.monotonic() - began < 10


def test_more_of_ctrl_c_does_not_hurry_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provision.terraform.process._LAST_SECONDS", 1.0)

    def impatient() -> None:
        wait_for((tmp_path / "started").exists, timeout_seconds=5)
        for _ in range(5):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)

    thread = threading.Thread(target=impatient)
    thread.start()
    with pytest.raises(StepStopped):
        deaf(tmp_path, grace=1.0).init()
    thread.join()
    assert (tmp_path / "asked").read_text() == "asked\nasked\n"
