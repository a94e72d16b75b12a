"""What events say: types, summaries, errors and lines, without a binary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from provision.terraform.errors import ApplyFailed, InitFailed, error_of, lock_of
from provision.terraform.events import (
    ApplyCompleted,
    ApplyErrored,
    ApplyProgress,
    ApplyStarted,
    Diagnostic,
    Event,
    Outputs,
    PlannedChange,
    ResourceDrift,
    Stopping,
    event_of,
)
from provision.terraform.plan import plan_summary, replace_paths
from provision.terraform.progress import ApplyLines
from tests.provision.terraforming import Stacked, needs_terraform, stack


def planned(address: str, action: str, reason: str = "") -> PlannedChange:
    return PlannedChange(address=address, action=action, reason=reason)


SUMMARY = plan_summary(
    [
        planned("aws_vpc.main", "create"),
        planned("aws_instance.node", "replace", "cannot_update"),
        planned("aws_eip.old", "delete"),
        planned("data.aws_ami.gpu", "read"),
        planned("aws_subnet.a", "noop"),
    ]
)


def failed(detail: str, summary: str = "creating EC2 Instance") -> Diagnostic:
    return Diagnostic(severity="error", summary=summary, detail=detail)


def error(step: str, *diagnostics: Diagnostic) -> Any:
    return error_of(
        step, binary="terraform", folder=Path("mvp"), diagnostics=diagnostics, otherwise="nothing"
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Warning: not JSON",
        "[]",
        "null",
        '{"type": "planned_change"}',
        '{"type": "planned_change", "change": []}',
        '{"type": "of_a_later_terraform"}',
        '{"type": {}}',
        '{"type": "apply_comp',
    ],
)
def test_lines_that_say_nothing_are_passed_over(line: str) -> None:
    assert event_of(line) is None


def test_a_summary_has_every_action_once() -> None:
    assert SUMMARY.adds == ("aws_vpc.main",)
    assert SUMMARY.destroys == ("aws_eip.old",)
    assert SUMMARY.reads == ("data.aws_ami.gpu",)
    assert SUMMARY.others == ()
    assert SUMMARY.resources == 3


def test_drift_outputs_and_reads_are_no_change() -> None:
    summary = plan_summary(
        [
            ResourceDrift(address="aws_vpc.main", action="update"),
            planned("data.aws_ami.gpu", "read"),
            Outputs(actions={"node_ips": "update", "vpc": "noop"}),
        ]
    )
    assert summary.is_empty
    assert (summary.drift, summary.outputs) == (("aws_vpc.main",), ("node_ips",))


def test_an_action_of_a_later_terraform_is_a_change() -> None:
    summary = plan_summary([planned("aws_vpc.main", "transmogrify")])
    assert not summary.is_empty
    assert summary.others[0].action == "transmogrify"


def test_a_cause_names_the_argument_and_where_in_it() -> None:
    paths = [["root_block_device", 0, "encrypted"], ["ami"]]
    document = {"resource_changes": [{"address": "a.b", "change": {"replace_paths": paths}}]}
    summary = plan_summary([planned("a.b", "replace", "cannot_update")], replace_paths(document))
    cause = "root_block_device[0].encrypted, ami cannot be changed in place"
    assert summary.replacements[0].cause == cause


def test_a_lock_is_read_after_its_heading_only() -> None:
    lock = lock_of(
        "Error message: operation error S3: PutObject, StatusCode: 412\n  RequestID: AAA\n"
        "  ID: not-this\nLock Info:\n  ID:        6881915a\n  Path:      b/mvp.tfstate\n"
        "  Operation: OperationTypePlan\n  Who:       ana@laptop\n  Version:   1.11.4\n"
        "  Created:   2026-11-24 20:06:24 +0000 UTC\n  Info:      \n\n\nTerraform acquires"
    )
    assert (lock.id, lock.who, lock.operation) == ("6881915a", "ana@laptop", "plan")
    assert lock.since == "2026-11-24 20:06:24 +0000 UTC"


def test_a_lock_that_could_not_be_asked_for_is_held_by_nobody() -> None:
    told = error("apply", failed("NoSuchBucket\n RequestID: A", "Error acquiring the state lock"))
    assert isinstance(told, ApplyFailed)
    assert "NoSuchBucket" in str(told)


def test_a_flood_of_diagnostics_is_told_in_its_first_lines() -> None:
    flood = [failed(f"InsufficientCapacity {n}\n{'x' * 99}\n" * 50) for n in range(40)]
    told = error("apply", *flood, failed("y" * 5000))
    assert isinstance(told, ApplyFailed)
    assert str(told).count("InsufficientCapacity") == 5
    assert "and 36 more" in str(told)
    assert "xxx" not in str(told)
    assert len(str(error("apply", failed("y" * 5000)))) < 300


def test_an_init_without_its_backend_does_not_speak_of_providers() -> None:
    told = error("init", failed("NoSuchBucket", "Failed to get existing workspaces"))
    assert isinstance(told, InitFailed)
    assert "backend" in told.hint


def lines_of(*events: tuple[float, Event]) -> list[str]:
    written: list[str] = []
    now = 0.0
    lines = ApplyLines(SUMMARY, written.append, lambda: now)
    for at, event in events:
        now = at
        lines(event)
    return written


def completed(address: str, action: str, seconds: float) -> ApplyCompleted:
    return ApplyCompleted(address=address, action=action, elapsed_seconds=seconds)


def test_each_resource_has_a_line_when_it_is_done() -> None:
    assert lines_of(
        (0, completed("data.aws_ami.gpu", "read", 1)),
        (1, completed("aws_vpc.main", "create", 11)),
        (2, completed("aws_instance.node", "delete", 30)),
        (3, completed("aws_instance.node", "create", 12)),
        (4, completed("aws_eip.old", "delete", 1)),
    ) == [
        "  1/3 aws_vpc.main created in 11 s\n",
        "  2/3 aws_instance.node replaced in 42 s\n",
        "  3/3 aws_eip.old destroyed in 1 s\n",
    ]


def test_what_is_under_way_gives_one_sign_of_life_for_all() -> None:
    def progress(address: str, seconds: float) -> ApplyProgress:
        return ApplyProgress(address=address, action="create", elapsed_seconds=seconds)

    assert lines_of(
        (0, ApplyStarted(address="aws_vpc.main", action="create")),
        (0, ApplyStarted(address="aws_db.main", action="create")),
        (10, progress("aws_db.main", 10)),
        (10.1, progress("aws_vpc.main", 10)),
        (20, progress("aws_db.main", 20)),
        (21, completed("aws_vpc.main", "create", 21)),
        (30, progress("aws_db.main", 30)),
    ) == [
        "      still creating aws_db.main, 10 s, and 1 more\n",
        "      still creating aws_db.main, 20 s, and 1 more\n",
        "  1/3 aws_vpc.main created in 21 s\n",
        "      still creating aws_db.main, 30 s\n",
    ]


def test_failures_warnings_and_a_stop_are_told() -> None:
    warning = Diagnostic(severity="warning", summary="Deprecated\x1b[31m", address="aws_vpc.main")
    assert lines_of(
        (0, ApplyErrored(address="aws_vpc.main", action="create", elapsed_seconds=3.0)),
        (0, warning),
        (0, failed("told at the end")),
        (0, Stopping(why="interrupted", grace_seconds=60)),
    ) == [
        "      aws_vpc.main failed creating, 3 s\n",
        "      warning: aws_vpc.main: Deprecated [31m\n",
        "      interrupted: waiting up to 60 s until the state is written and its lock free\n",
    ]


@needs_terraform
def test_the_lines_of_a_real_apply_count_to_the_end(tmp_path: Path) -> None:
    made = Stacked(tmp_path, stack(a={"triggers_replace": 1}, b={}))
    made.plan()
    made.apply()
    made.write(stack(a={"triggers_replace": 2}, c={}))
    summary = made.plan()
    written: list[str] = []
    lines = ApplyLines(summary, written.append, lambda: 0.0)
    made.terraform._on_event = lines
    made.apply()
    assert [line.split()[0] for line in written] == ["1/3", "2/3", "3/3"]
    assert "  3/3" in written[-1]
    assert json.loads((tmp_path / "plan.json").read_text())["serial"]
