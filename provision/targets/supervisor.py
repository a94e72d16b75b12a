"""The process that stays behind after a deploy: it starts the agents and starts dead ones again.

It imports the standard library and little else: it lives as long as the fleet. Whether it lives is
told by the lock it holds. When it is killed, the kernel sends its agents SIGTERM.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING

from provision import inventory
from provision.files import PRIVATE
from provision.lock import try_hold
from provision.targets.processes import ProcessId, death_with_parent, identify, wait_for
from provision.targets.supervision import Supervision, SupervisorFiles, next_delay_seconds
from provision.targets.target import AgentPhase, AgentProcess

if TYPE_CHECKING:
    from provision.inventory import InventoryNode

LOG_BYTES = 8 * 1024 * 1024
_LOCK_SECONDS = 2.0
_TICK_SECONDS = 1.0
_KILLED_SECONDS = 5.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class Agent:
    """One node's process, started again after each death."""

    def __init__(self, node: InventoryNode, root: Path, command: tuple[str, ...]) -> None:
        self.node = node
        self.log = root / node.folder / "agent.log"
        self.due = 0.0  # on the monotonic clock
        self._folder = root / node.folder
        self._command = (*command, "run", "--config", str(self._folder / "agent.toml"))
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: ProcessId | None = None
        self._restarts = -1
        self._started = 0.0
        self._started_at = 0.0
        self._delay_seconds = 0.0
        self._last_exit = ""

    @property
    def running(self) -> bool:
        """Whether the process was there when last looked at."""
        return self._process is not None

    def start(self) -> None:
        """Start the process; when that fails, it counts as a death."""
        self._restarts += 1
        self._started, self._started_at = time.monotonic(), time.time()
        try:
            with _appended(self.log) as log:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._folder,
                    preexec_fn=death_with_parent(),
                )
            self._identity = identify(self._process.pid)
        except (OSError, subprocess.SubprocessError) as error:
            self._died(f"cannot be started: {error}")

    def reap(self) -> bool:
        """Return whether the process died since the last look."""
        if self._process is None or self._process.poll() is None:
            return False
        self._died(exit_reason(self._process.returncode))
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process is there."""
        if self._process is not None:
            self._process.send_signal(number)

    def state(self, *, stopping: bool) -> AgentProcess:
        """Return what the record holds about it."""
        resting = AgentPhase.STOPPED if stopping else AgentPhase.WAITING
        return AgentProcess(
            name=self.node.name,
            phase=AgentPhase.RUNNING if self.running else resting,
            pid=self._identity.pid if self._identity else None,
            start_ticks=self._identity.start_ticks if self._identity else None,
            restarts=max(self._restarts, 0),
            started_at=self._started_at,
            last_exit=self._last_exit,
        )

    def _died(self, reason: str) -> None:
        alive_seconds = time.monotonic() - self._started
        self._delay_seconds = next_delay_seconds(self._delay_seconds, alive_seconds)
        self.due = time.monotonic() + self._delay_seconds
        self._process = self._identity = None
        self._last_exit = reason


class Supervisor:
    """All agents of one deployment."""

    def __init__(self, root: Path, command: tuple[str, ...], *, drain_seconds: float) -> None:
        self._files = SupervisorFiles(root)
        self._drain_seconds = drain_seconds
        text = (root / "inventory.json").read_text(encoding="utf-8")
        nodes = inventory.Inventory.from_json(text).nodes
        self._agents = [Agent(node, root, command) for node in nodes]
        self._inventory_sha256 = hashlib.sha256(text.encode()).hexdigest()
        self._stopping = False
        self._hurried = False

    def run(self) -> None:
        """Keep the agents running until SIGTERM, then stop them."""
        self._write_record()
        for agent in self._agents:
            self._start(agent)
        while not self._stopping:
            self._wait(min(self._seconds_to_next_start(), _TICK_SECONDS))
            self._reap()
            self._start_due()
            self._rotate_logs()
        self._stop()

    def _start(self, agent: Agent) -> None:
        agent.start()
        self._write_record()
        state = agent.state(stopping=False)
        if agent.running:
            _log("info", "agent started", agent.node.name, pid=state.pid, restarts=state.restarts)
        else:
            _log("error", "agent died", agent.node.name, reason=state.last_exit)

    def _wait(self, seconds: float) -> None:
        received = signal.sigtimedwait(_SIGNALS, max(seconds, 0))
        if received is not None and received.si_signo != signal.SIGCHLD:
            self._hurried = self._stopping  # asked twice
            self._stopping = True

    def _reap(self) -> None:
        for agent in self._agents:
            if agent.reap():
                self._write_record()
                state = agent.state(stopping=self._stopping)
                level = "info" if self._stopping else "error"
                _log(level, "agent ended", agent.node.name, reason=state.last_exit)

    def _start_due(self) -> None:
        for agent in self._agents:
            if not self._stopping and not agent.running and agent.due <= time.monotonic():
                self._start(agent)

    def _seconds_to_next_start(self) -> float:
        waiting = [agent.due for agent in self._agents if not agent.running]
        return min(waiting, default=float("inf")) - time.monotonic()

    def _stop(self) -> None:
        """Stop role by role, last started first, so that a stage outlives those it feeds."""
        _log("info", "stopping", "supervisor")
        for _, tier in groupby(reversed(self._agents), key=lambda agent: agent.node.role):
            self._stop_tier(list(tier))
        self._write_record()
        _log("info", "stopped", "supervisor")

    def _stop_tier(self, agents: list[Agent]) -> None:
        for agent in agents:
            agent.signal(signal.SIGTERM)
        deadline = time.monotonic() + self._drain_seconds
        while any(agent.running for agent in agents) and not self._hurried:
            if (left := deadline - time.monotonic()) <= 0:
                break
            self._wait(min(left, _TICK_SECONDS))
            self._reap()
        for agent in agents:
            agent.signal(signal.SIGKILL)
        wait_for(lambda: self._all_ended(agents), timeout_seconds=_KILLED_SECONDS)

    def _all_ended(self, agents: list[Agent]) -> bool:
        self._reap()
        return not any(agent.running for agent in agents)

    def _write_record(self) -> None:
        record = Supervision(
            supervisor=own_identity(),
            inventory_sha256=self._inventory_sha256,
            agents=tuple(agent.state(stopping=self._stopping) for agent in self._agents),
        )
        try:
            record.write(self._files.record)
        except OSError as error:  # a full disk must not take the fleet down
            _log("error", "record not written", "supervisor", reason=str(error))

    def _rotate_logs(self) -> None:
        for path in (self._files.log, *(agent.log for agent in self._agents)):
            with contextlib.suppress(OSError):  # tried again with the next tick
                rotate(path, limit_bytes=LOG_BYTES)


def rotate(path: Path, *, limit_bytes: int) -> None:
    """Move a log that has grown too long aside; the one set aside before is lost.

    The writer keeps its descriptor, opened to append, and goes on at the beginning. What it writes
    between copy and cut is lost; in exchange it needs no pipe and survives its supervisor.
    """
    try:
        if path.stat().st_size <= limit_bytes:
            return
    except FileNotFoundError:
        return
    aside = path.with_name(f"{path.name}.1")
    aside.touch(mode=PRIVATE)
    shutil.copyfile(path, aside)
    os.truncate(path, 0)


def exit_reason(return_code: int) -> str:
    """Say how a process ended, from its return code as `subprocess` gives it."""
    if return_code >= 0:
        return f"exit code {return_code}"
    try:
        return f"killed by {signal.Signals(-return_code).name}"
    except ValueError:
        return f"killed by signal {-return_code}"


def own_identity() -> ProcessId:
    """Return this process's identity."""
    identity = identify(os.getpid())
    if identity is None:
        raise RuntimeError("/proc does not show this process")
    return identity


def _log(level: str, event: str, node: str, **details: object) -> None:
    timestamp = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    entry = {"event": event, "level": level, "timestamp": timestamp, "node": node, **details}
    with contextlib.suppress(OSError):
        sys.stderr.write(json.dumps(entry, ensure_ascii=False) + "\n")
        sys.stderr.flush()


def _appended(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE), "ab")


def main() -> int:
    """Take the lock, go into the background, and supervise until SIGTERM.

    Returns:
        0 in the process that was started, as soon as the supervisor itself has the lock.
    """
    parser = argparse.ArgumentParser(prog="qinfra-supervisor")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--drain-seconds", type=float, required=True)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    held: list[int] = []

    def take_lock() -> bool:
        # A passer-by who only looks at the lock holds it for a moment, too.
        descriptor = try_hold(SupervisorFiles(arguments.root).lock)
        held.extend([] if descriptor is None else [descriptor])
        return bool(held)

    if not wait_for(take_lock, timeout_seconds=_LOCK_SECONDS):
        _log("error", "another supervisor runs", "supervisor")
        return 1
    if os.fork():
        return 0
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        Supervisor(
            arguments.root, tuple(arguments.command), drain_seconds=arguments.drain_seconds
        ).run()
    except Exception as error:
        _log("critical", f"supervisor failed: {error!r}", "supervisor")
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
