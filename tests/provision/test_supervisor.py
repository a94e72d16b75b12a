"""The supervisor with real, small processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from provision.files import write_atomically
from provision.inventory import Inventory, InventoryNode
from provision.lock import is_locked
from provision.targets.local import LocalTarget, last_line
from provision.targets.processes import ProcessId, identify, is_alive, send_signal, wait_for
from provision.targets.supervision import Supervision, SupervisorFiles, next_delay_seconds
from provision.targets.supervisor import exit_reason, rotate
from provision.targets.target import AgentPhase

OBEDIENT = "import time\nwhile True: time.sleep(60)"
DEAF = (
    "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    f"print('up', flush=True)\n{OBEDIENT}"
)
MORTAL = "import sys\nprint('about to go', file=sys.stderr)\nsys.exit(3)"
SAYS_GOODBYE = (
    "import pathlib, signal, sys, time\n"
    "def leave(*_):\n"
    "    with open('../../order', 'a') as f: f.write(pathlib.Path.cwd().name + '\\n')\n"
    "    sys.exit(0)\n"
    "signal.signal(signal.SIGTERM, leave)\n"
    f"print('up', flush=True)\n{OBEDIENT}"
)
NAMES = ("orchestrator-1", "embedding-1", "transformer-1")


class Fleet:
    def __init__(self, root: Path, script: str, *, drain_seconds: float = 5.0) -> None:
        self.root = root
        agent = root / "agent.py"
        agent.write_text(script)
        for name in NAMES:
            (root / "nodes" / name).mkdir(parents=True)
        nodes = tuple(
            InventoryNode(
                name=name,
                role=name.split("-")[0],
                host="127.0.0.1",
                grpc_port=1,
                status_port=2,
                folder=f"nodes/{name}",
            )
            for name in NAMES
        )
        text = Inventory(deployment="fleet", nodes=nodes).to_json()
        write_atomically(root / "inventory.json", text)
        self.target = LocalTarget(
            root=root, agent_command=(sys.executable, str(agent)), drain_seconds=drain_seconds
        )

    def pids(self) -> dict[str, int | None]:
        return {agent.name: agent.pid for agent in self.target.observe().agents}

    def log(self, name: str) -> str:
        return (self.root / "nodes" / name / "agent.log").read_text()

    def supervisor(self) -> ProcessId:
        record = Supervision.read(SupervisorFiles(self.root).record)
        assert record is not None
        return record.supervisor

    def eventually(self, condition: Callable[[], bool]) -> None:
        assert wait_for(condition, timeout_seconds=15), last_line(self.root / "supervisor.log")

    def all_up(self) -> None:
        self.eventually(lambda: len(self.pids()) == 3 and all(self.pids().values()))


MakeFleet = Callable[..., Fleet]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[MakeFleet]:
    made: list[Fleet] = []

    def make(script: str = OBEDIENT, **options: float) -> Fleet:
        made.append(Fleet(tmp_path, script, **options))
        return made[-1]

    yield make
    for one in made:
        one.target.down(grace_seconds=1)


def test_every_agent_runs_and_is_recorded(fleet: MakeFleet) -> None:
    one = fleet()
    one.target.up()
    one.all_up()
    observation = one.target.observe()
    assert observation.supervised
    assert [agent.name for agent in observation.agents] == list(NAMES)
    assert all(agent.phase is AgentPhase.RUNNING for agent in observation.agents)
    for pid in one.pids().values():
        assert psutil.Process(pid).cmdline()[-1].endswith("agent.toml")


def test_a_killed_agent_is_started_again_and_says_why(fleet: MakeFleet) -> None:
    one = fleet()
    one.target.up()
    one.all_up()
    before = one.pids()
    assert before["embedding-1"]
    os.kill(before["embedding-1"], signal.SIGKILL)
    one.eventually(lambda: one.pids()["embedding-1"] not in (before["embedding-1"], None))
    agent = one.target.observe().agent("embedding-1")
    assert (agent.restarts, agent.last_exit) == (1, "killed by SIGKILL")
    assert one.pids()["transformer-1"] == before["transformer-1"]


def test_an_agent_that_keeps_dying_waits_longer_each_time(fleet: MakeFleet) -> None:
    one = fleet(MORTAL)
    one.target.up()
    started = time.monotonic()
    one.eventually(lambda: one.target.observe().agent("embedding-1").restarts >= 2)
    assert time.monotonic() - started > 0.5 + 1.0 - 0.1
    agent = one.target.observe().agent("embedding-1")
    assert agent.last_exit == "exit code 3"
    assert "about to go" in one.log("embedding-1")


def test_a_command_that_cannot_be_run_is_a_death_not_a_crash(fleet: MakeFleet) -> None:
    one = fleet()
    target = LocalTarget(root=one.root, agent_command=("/nonexistent/agent",), drain_seconds=1)
    target.up()
    one.eventually(lambda: "cannot be started" in target.observe().agent("embedding-1").last_exit)
    assert target.observe().supervised


def test_a_killed_supervisor_leaves_no_orphan(fleet: MakeFleet) -> None:
    one = fleet()
    one.target.up()
    one.all_up()
    agents = [identify(pid) for pid in one.pids().values() if pid]
    send_signal(one.supervisor(), signal.SIGKILL)
    one.eventually(lambda: not any(is_alive(agent) for agent in agents if agent))
    assert not one.target.observe().supervised


def test_what_a_killed_supervisor_could_not_stop_is_stopped_by_down(fleet: MakeFleet) -> None:
    one = fleet(DEAF)
    one.target.up()
    one.eventually(lambda: all("up" in one.log(name) for name in NAMES if one.pids().get(name)))
    one.all_up()
    one.eventually(lambda: all("up" in one.log(name) for name in NAMES))
    agents = [identify(pid) for pid in one.pids().values() if pid]
    send_signal(one.supervisor(), signal.SIGKILL)
    one.eventually(lambda: not is_locked(SupervisorFiles(one.root).lock))
    one.target.down(grace_seconds=1)
    assert not any(is_alive(agent) for agent in agents if agent)


def test_down_stops_in_reverse_order(fleet: MakeFleet) -> None:
    one = fleet(SAYS_GOODBYE)
    one.target.up()
    one.all_up()
    one.eventually(lambda: all("up" in one.log(name) for name in NAMES))
    one.target.down(grace_seconds=10)
    assert (one.root / "order").read_text().split() == list(reversed(NAMES))
    observation = one.target.observe()
    assert not observation.supervised
    assert all(agent.phase is AgentPhase.STOPPED for agent in observation.agents)


def test_an_agent_that_does_not_drain_is_killed_at_its_deadline(fleet: MakeFleet) -> None:
    one = fleet(DEAF, drain_seconds=0.2)
    one.target.up()
    one.all_up()
    one.eventually(lambda: all("up" in one.log(name) for name in NAMES))
    one.target.down(grace_seconds=10)
    assert one.target.observe().agent("embedding-1").last_exit == "killed by SIGKILL"


def test_a_deadline_of_the_caller_is_kept_against_long_drains(fleet: MakeFleet) -> None:
    one = fleet(DEAF, drain_seconds=60)
    one.target.up()
    one.all_up()
    one.eventually(lambda: all("up" in one.log(name) for name in NAMES))
    started = time.monotonic()
    one.target.down(grace_seconds=0.2)
    assert time.monotonic() - started < 5
    assert not one.target.observe().supervised


def test_a_second_supervisor_is_refused(fleet: MakeFleet) -> None:
    from infra.errors import RemoteError

    one = fleet()
    one.target.up()
    one.all_up()
    with pytest.raises(RemoteError, match="another supervisor runs"):
        one.target.up()


def test_no_signal_reaches_a_stranger_with_the_same_pid(fleet: MakeFleet) -> None:
    one = fleet()
    here = identify(os.getpid())
    assert here is not None
    stranger = ProcessId(here.pid, here.start_ticks + 1)
    assert not is_alive(stranger)
    assert not send_signal(stranger, signal.SIGKILL)
    Supervision(supervisor=stranger, inventory_sha256="").write(SupervisorFiles(one.root).record)
    one.target.down(grace_seconds=0.1)


def test_a_long_log_is_set_aside_and_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    with log.open("a") as writer:
        writer.write("old\n" * 10)
        writer.flush()
        rotate(log, limit_bytes=100)
        assert log.stat().st_size == 40
        rotate(log, limit_bytes=10)
        writer.write("new\n")
    assert log.read_text() == "new\n"
    assert (tmp_path / "agent.log.1").read_text() == "old\n" * 10


def test_the_wait_doubles_to_half_a_minute_and_starts_over_after_a_stable_one() -> None:
    waits, wait = [], 0.0
    for _ in range(9):
        wait = next_delay_seconds(wait, alive_seconds=1)
        waits.append(wait)
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert next_delay_seconds(30, alive_seconds=60) == 0.5


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0, "exit code 0"),
        (2, "exit code 2"),
        (-9, "killed by SIGKILL"),
        (-99, "killed by signal 99"),
    ],
)
def test_the_reason_of_an_exit_is_said_in_words(code: int, reason: str) -> None:
    assert exit_reason(code) == reason
