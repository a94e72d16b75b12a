"""This machine as a target: one process for each node, under one supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from infra.errors import RemoteError
from provision.files import PRIVATE
from provision.lock import is_locked
from provision.targets.processes import end_all, is_alive, send_signal, wait_for
from provision.targets.supervision import Supervision, SupervisorFiles
from provision.targets.target import Observation

_START_SECONDS = 10.0
_RECORD_SECONDS = 3.0
_STRAY_SECONDS = 5.0
_ERROR = "Error: "
_ERROR_LINES = 2  # the error and its hint


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTarget:
    """A deployment's processes on this machine.

    Args:
        root: The deployment's folder.
        agent_command: What starts an agent; `run --config <its agent.toml>` is added.
        drain_seconds: How long an agent may finish its work when it is stopped.
    """

    root: Path
    agent_command: tuple[str, ...]
    drain_seconds: float = 30.0

    def up(self) -> None:
        """Start a supervisor in the background; it starts the agents.

        Raises:
            RemoteError: It does not start.
        """
        log = os.open(self._files.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE)
        try:
            started = subprocess.run(
                self._supervisor_command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.root,
                start_new_session=True,
                timeout=_START_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise self._not_started(str(error)) from error
        finally:
            os.close(log)
        if started.returncode != 0 or not wait_for(
            self._is_recorded, timeout_seconds=_START_SECONDS
        ):
            raise self._not_started(last_line(self._files.log))

    def down(self, *, grace_seconds: float) -> None:
        """Stop the supervisor, which stops its agents, and what a killed supervisor left."""
        if is_locked(self._files.lock):
            self._end_supervisor(grace_seconds)
        record = Supervision.read(self._files.record)
        if record is not None:
            end_all(record.living_agents(), grace_seconds=min(grace_seconds, _STRAY_SECONDS))

    def observe(self) -> Observation:
        """Look at the supervisor's record and at whether it lives."""
        record = Supervision.read(self._files.record)
        if record is None:
            return Observation(supervised=is_locked(self._files.lock))
        return Observation(
            supervised=self._is_recorded(),
            inventory_sha256=record.inventory_sha256,
            agents=record.agents,
        )

    @property
    def _files(self) -> SupervisorFiles:
        return SupervisorFiles(self.root)

    @property
    def _supervisor_command(self) -> tuple[str, ...]:
        # -P: a folder called `provision` or `infra` where the user stands must not be imported.
        return (
            *(sys.executable, "-P", "-m", "provision.targets.supervisor"),
            *("--root", str(self.root), "--drain-seconds", str(self.drain_seconds)),
            *("--", *self.agent_command),
        )

    def _is_recorded(self) -> bool:
        """Whether a supervisor lives and the record is its own."""
        record = Supervision.read(self._files.record)
        return is_locked(self._files.lock) and record is not None and is_alive(record.supervisor)

    def _end_supervisor(self, grace_seconds: float) -> None:
        wait_for(self._is_recorded, timeout_seconds=_RECORD_SECONDS)
        record = Supervision.read(self._files.record)
        if record is None:
            raise RemoteError(
                f"{self._files.lock} is held, but {self._files.record} names no supervisor",
                hint=f"Find the process with `fuser {self._files.lock}` and stop it.",
            )
        supervisor = record.supervisor
        # Asked once it drains; asked twice it kills its agents; then it is killed itself.
        for number, seconds in (
            (signal.SIGTERM, grace_seconds),
            (signal.SIGTERM, _STRAY_SECONDS),
            (signal.SIGKILL, _STRAY_SECONDS),
        ):
            send_signal(supervisor, number)
            if wait_for(lambda: not is_alive(supervisor), timeout_seconds=seconds):
                return

    def _not_started(self, reason: str) -> RemoteError:
        return RemoteError(
            f"the supervisor did not start: {reason or 'no reason given'}",
            hint=f"Look at {self._files.log}.",
        )


def agent_command() -> tuple[str, ...]:
    """Return what starts an agent: the script beside this interpreter, else the module.

    The script is preferred because no folder in the user's working directory can shadow it.
    """
    script = Path(sys.executable).with_name("qinfra-agent")
    if script.is_file() and os.access(script, os.X_OK):
        return (str(script),)
    return (sys.executable, "-P", "-m", "node_agent.cli")


def last_line(path: Path) -> str:
    """Return the last line of a log that is not empty; an empty text when there is none."""
    return next(reversed(_lines(path)), "")


def last_error(path: Path) -> str:
    """Return the error an agent ended with, without the hint below it; empty when it had none."""
    tail = _lines(path)[-_ERROR_LINES:]
    errors = [line for line in tail if line.startswith(_ERROR)]
    return errors[-1].removeprefix(_ERROR) if errors else ""


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [line.strip() for line in text.split("\n") if line.strip()]
