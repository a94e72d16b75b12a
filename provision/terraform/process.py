"""One process of a step: it always ends, and is always asked to before it is made to.

Terraform writes into a file, not a pipe: a pipe whose reader died would kill it at its next line,
with what it had made in its memory only. When this process is killed it goes on to its end, its
state locked until then. To have the kernel tell it of that death would cost the state: the signal
comes once for each thread that dies, and at the second one Terraform drops what it has in memory.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infra.errors import PreflightError
from provision.interruption import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import FrameType

_POLL_SECONDS = 0.05
_LAST_SECONDS = 30.0  # a second SIGINT ends Terraform within one
_PRIVATE_UMASK = 0o077  # plans and states hold secrets in clear


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is run.

    Attributes:
        deadline_seconds: After which it is asked to stop.
        grace_seconds: That it has to write its state and release its lock, once asked.
    """

    argv: tuple[str, ...]
    folder: Path
    environ: Mapping[str, str]
    deadline_seconds: float
    grace_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How it ended.

    Attributes:
        status: Its exit code; negative for the signal that ended it.
        late: The deadline passed first.
        signal: Of Ctrl-C or a termination that came meanwhile; 0 without.
        forced: Asking once was not enough: the state may be locked.
    """

    status: int
    late: bool
    signal: int
    forced: bool


@dataclass(slots=True)
class _Stop:
    """Signals to a process group, each once: SIGINT, after the grace another, at last SIGKILL."""

    process: subprocess.Popen[bytes]
    grace_seconds: float
    on_stop: Callable[[str], None]
    asked_at: float | None = None
    sent: int = 0
    steps: tuple[tuple[signal.Signals, float], ...] = field(init=False)

    def __post_init__(self) -> None:
        self.steps = (
            (signal.SIGINT, 0.0),
            (signal.SIGINT, self.grace_seconds),
            (signal.SIGKILL, self.grace_seconds + _LAST_SECONDS),
        )

    def ask(self, why: str) -> None:
        if self.asked_at is None:
            self._begin()
            self.on_stop(why)

    def advance(self) -> None:
        """Send what is due; to a process that was not waited for, so its id is still its own."""
        while self.asked_at is not None and self.sent < len(self.steps):
            number, after_seconds = self.steps[self.sent]
            if time.monotonic() < self.asked_at + after_seconds:
                return
            os.killpg(self.process.pid, number)
            self.sent += 1

    def finish(self) -> None:
        """Ask, and wait for the end."""
        if self.process.poll() is None and self.asked_at is None:
            self._begin()
        while self.process.poll() is None:
            self.advance()
            time.sleep(_POLL_SECONDS)

    def _begin(self) -> None:
        self.asked_at = time.monotonic()
        self.advance()


def run_step(
    step: Step,
    *,
    stdout: int,
    stderr: int,
    pump: Callable[[], None],
    on_stop: Callable[[str], None],
) -> Ended:
    """Run a process in a session of its own, so that a terminal's Ctrl-C reaches it through here.

    Only the main thread sees Ctrl-C and SIGTERM: they do not raise here, but are told at the end.

    Args:
        step: What to run.
        stdout: Descriptor of a file, not of a pipe.
        stderr: As stdout.
        pump: Called all the while, and at the end, to read what was written.
        on_stop: Told why, once the process has been asked to stop.

    Raises:
        PreflightError: It cannot be started.
    """
    with _noted_signals() as received:
        process = _started(step, stdout, stderr)
        stop = _Stop(process, step.grace_seconds, on_stop)
        try:
            late = _watched(stop, step.deadline_seconds, pump, received)
        except BaseException:
            with uninterrupted():
                stop.finish()
            raise
    return Ended(
        status=process.returncode,
        late=late,
        signal=received[0] if received else 0,
        forced=stop.sent > 1,
    )


def _watched(
    stop: _Stop, deadline_seconds: float, pump: Callable[[], None], received: list[int]
) -> bool:
    """Wait for the end, asking for it when that is due; return whether the deadline passed."""
    deadline = time.monotonic() + deadline_seconds
    late = False
    while stop.process.poll() is None:
        pump()
        late = late or time.monotonic() > deadline
        if received or late:
            stop.ask("interrupted" if received else "out of time")
        stop.advance()
        time.sleep(_POLL_SECONDS)
    pump()
    return late


def _started(step: Step, stdout: int, stderr: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            step.argv,
            cwd=step.folder,
            env=dict(step.environ),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            umask=_PRIVATE_UMASK,
        )
    except OSError as error:
        raise PreflightError(f"{step.argv[0]} in {step.folder}: {error.strerror}") from error


@contextmanager
def _noted_signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in the body instead of raising."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)

    before = [(each, signal.signal(each, note)) for each in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield received
    finally:
        for number, handler in before:
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
