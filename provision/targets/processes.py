"""Processes by pid and start time, so that no signal ever reaches a stranger (Linux)."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_POLL_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_STATE_FIELD = 3
_START_TIME_FIELD = 22  # both counted as in proc(5), from 1


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process for good: pids are used again, pid and start time together are not."""

    pid: int
    start_ticks: int


def identify(pid: int) -> ProcessId | None:
    """Return the identity of a running process; None when there is none, or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field, the command in brackets, may itself hold spaces and brackets.
    fields = stat.rpartition(")")[2].split()
    if fields[_STATE_FIELD - 3] in ("Z", "X"):
        return None
    return ProcessId(pid, int(fields[_START_TIME_FIELD - 3]))


def is_alive(process: ProcessId) -> bool:
    """Whether this very process runs."""
    return identify(process.pid) == process


def send_signal(process: ProcessId, number: signal.Signals) -> bool:
    """Signal this very process.

    Returns:
        Whether it was there.
    """
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        # The handle keeps the pid from being used again between this look and the signal.
        if not is_alive(process):
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def wait_for(condition: Callable[[], bool], *, timeout_seconds: float) -> bool:
    """Poll until `condition` holds or the time is over; return whether it holds."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def end_all(processes: Iterable[ProcessId], *, grace_seconds: float) -> None:
    """End processes: SIGTERM, then SIGKILL for those still there after the grace."""
    remaining = [process for process in processes if send_signal(process, signal.SIGTERM)]
    wait_for(lambda: not any(map(is_alive, remaining)), timeout_seconds=grace_seconds)
    for process in remaining:
        send_signal(process, signal.SIGKILL)
    wait_for(lambda: not any(map(is_alive, remaining)), timeout_seconds=grace_seconds)


def death_with_parent() -> Callable[[], None]:
    """Return a `preexec_fn` after which the child gets SIGTERM when this process dies."""
    parent = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True)

    def bind() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if os.getppid() != parent:  # it died before the line above took effect
            os._exit(1)

    return bind
