"""Pure choices: what a deploy does, which settings win, which port, how much memory."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from infra.config import Settings
from infra.errors import PreflightError
from provision import memory, ports
from provision.decision import Action, Current, next_action, reasons
from provision.desired import Deployment, ServedModel
from provision.report.fleet import FleetState, NodeState
from provision.report.logs import LogFile, merged
from provision.report.progress import LineProgress, TerminalProgress
from provision.report.table import duration, mebibytes, table
from provision.wishes import Flags, wish
from tests.provision.test_configuration import desired

RECORD = Deployment(
    name="x",
    status="ready",
    desired=desired(),
    model=ServedModel(id="m", path="/p", revision="r", fingerprint="f"),
    created_at="",
)
GOOD = Current(
    record=RECORD, same_model=True, supervised=True, all_ready=True, identities_last=True
)


@pytest.mark.parametrize(
    ("current", "action"),
    [
        (GOOD, Action.NOTHING),
        (replace(GOOD, all_ready=False), Action.WAIT),
        (replace(GOOD, record=replace(RECORD, status="deploying")), Action.WAIT),
        (replace(GOOD, record=None), Action.START),
        (replace(GOOD, same_model=False), Action.START),
        (replace(GOOD, supervised=False), Action.START),
        (replace(GOOD, identities_last=False), Action.START),
        (replace(GOOD, record=replace(RECORD, desired=desired(slots=3))), Action.START),
    ],
)
def test_what_is_found_decides_what_is_done(current: Current, action: Action) -> None:
    assert next_action(desired(), current) is action
    assert bool(reasons(desired(), current, ("slots: 3 -> 8",))) == (
        action is Action.START and current.record is not None
    )


def settings(text: str, folder: Path) -> Settings:
    from infra.config import load_settings

    path = folder / "qinfra.toml"
    path.write_text(text)
    return load_settings(path)


def test_a_flag_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    file = settings("[local]\ngateway_port = 9000\nthreads = 3\n[model]\nsplit = '8'\n", tmp_path)
    asked = wish(Flags(phase="demo", threads=5), file, version="1").desired
    assert (asked.port, asked.threads, asked.split, asked.stages) == (9000, 5, "8", None)
    plain = wish(Flags(phase="demo"), Settings(), version="1").desired
    assert (plain.port, plain.threads, plain.split, plain.model) == (None, 1, None, "demo")


def test_a_flag_about_the_division_replaces_all_of_the_files(tmp_path: Path) -> None:
    file = settings("[model]\nsplit = '8'\nstages = 2\n", tmp_path)
    asked = wish(Flags(phase="demo", stages=3), file, version="1").desired
    assert (asked.split, asked.stages) == (None, 3)
    asked = wish(Flags(phase="demo", split="5,10"), file, version="1").desired
    assert (asked.split, asked.stages) == ("5,10", None)


def test_a_model_folder_is_the_same_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m").mkdir()
    monkeypatch.chdir(tmp_path)
    flags = Flags(phase="demo", model="m")
    assert wish(flags, Settings(), version="1").desired.model == str(tmp_path / "m")
    hub = replace(flags, model="owner/name")
    assert wish(hub, Settings(), version="1").desired.model == "owner/name"


def test_gateways_take_the_next_free_ports() -> None:
    taken = {8401, 8403}
    found = ports.gateway_ports(
        "127.0.0.1", 3, pinned=None, first=8401, free=lambda _, port: port not in taken
    )
    assert found == (8402, 8404, 8405)


def test_ports_of_agents_lie_below_those_of_outgoing_connections() -> None:
    found = ports.internal_ports("127.0.0.1", 6, deployment="x")
    assert len(set(found)) == 6
    assert max(found) < ports.lowest_ephemeral_port()
    assert found == ports.internal_ports("127.0.0.1", 6, deployment="x")


def test_a_listener_makes_its_port_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not ports.is_free("127.0.0.1", port)
        with pytest.raises(PreflightError, match=f"port {port}"):
            ports.gateway_ports("127.0.0.1", 1, pinned=port, first=1)


def test_a_container_limit_counts_without_pages_it_can_give_up(tmp_path: Path) -> None:
    assert memory.container_bytes(tmp_path) is None
    for name, text in (
        ("memory.max", "1000\n"),
        ("memory.current", "900\n"),
        ("memory.stat", "anon 1\ninactive_file 300\n"),
    ):
        (tmp_path / name).write_text(text)
    assert memory.container_bytes(tmp_path) == 400
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.container_bytes(tmp_path) is None


def test_logs_are_merged_by_time_and_a_traceback_stays_with_its_line(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text('{"timestamp": "2026-01-01T00:00:01Z", "event": "a", "x": "y z"}\nTraceback\n')
    two.write_text('{"timestamp": "2026-01-01T00:00:02Z", "event": "b"}\n{"cut')
    files = [LogFile(one, "one"), LogFile(two, "two"), LogFile(tmp_path / "none", "none")]
    lines = merged([file.new_lines() for file in files])
    assert [line.node for line in lines] == ["one", "one", "two"]
    assert lines[1].timestamp == lines[0].timestamp
    assert 'a x="y z"' in str(lines[0])
    one.write_text("anew\n")  # cut by the rotation
    assert [line.text for line in files[0].new_lines()] == ["anew"]
    with two.open("a") as file:
        file.write(' short"}\n')
    assert [line.text for line in files[1].new_lines()] == ['{"cut short"}']


def test_progress_is_one_line_a_change_or_drawn_in_place() -> None:
    written: list[str] = []
    times = iter(range(100))
    plain = LineProgress(written.append, lambda: float(next(times)))
    for phase in ("starting", "starting", "ready"):
        plain.node("embedding-1", phase)
    assert [line.split() for line in written] == [
        ["embedding-1", "starting", "1.0", "s"],
        ["embedding-1", "ready", "2.0", "s"],
    ]
    written.clear()
    drawn = TerminalProgress(written.append, lambda: float(next(times)))
    drawn.node("a", "starting")
    drawn.node("b", "starting")
    drawn.node("a", "ready")
    assert written[1].startswith("\x1b[1F\x1b[J")
    assert written[2].startswith("\x1b[2F\x1b[J")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0s"), (61, "1m 1s"), (3_600, "1h 0m"), (90_061, "1d 1h")],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(("A", "B"), [("long", "x"), ("s", "y")]) == "A     B\nlong  x\ns     y"
    assert mebibytes(3 * 2**20) == "3 MiB"
    assert mebibytes(None) == "-"


@pytest.mark.parametrize(("ready", "code"), [(3, 0), (1, 6), (0, 5)])
def test_the_exit_code_counts_ready_nodes(ready: int, code: int) -> None:
    nodes = tuple(
        NodeState(
            name=f"worker-{i}",
            role="worker",
            layers=(0, 8),
            state="ready" if i < ready else "stopped",
            reason="",
            pid=1,
            restarts=0,
            last_exit="",
            uptime_seconds=1.0,
            resident_bytes=None,
        )
        for i in range(3)
    )
    fleet = FleetState(
        deployment="x", model="m", supervised=True, gateways=(), nodes=nodes, pipelines=()
    )
    assert fleet.exit_code == code
