"""The file that a step writes its lines into: read while it grows, kept for who wants to know."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from provision.terraform.events import ApplyProgress, Refreshed, event_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from provision.terraform.events import Event

FOLDER = "logs"
_KEPT_FILES = 10  # of each step: many plans do not push out the apply that is asked about
_KEPT_NOISE = 8
_READ_BYTES = 1 << 20
_FRAME = str.maketrans("╷│╵", "   ")  # around what is told to a person
_PASSING = (ApplyProgress, Refreshed)


class Stream:
    """The lines of one step, in a file of their own with mode 0600.

    Args:
        folder: The stack's; files are in its `logs`, and the oldest of a step's many are removed.
        step: Begins the file's name.
        on_event: Told of each event, once.
    """

    def __init__(self, folder: Path, step: str, on_event: Callable[[Event], object]) -> None:
        logs = folder / FOLDER
        logs.mkdir(mode=0o700, exist_ok=True)
        _prune(logs, step)
        self.descriptor, name = tempfile.mkstemp(prefix=f"{step}-", suffix=".jsonl", dir=logs)
        self.path = Path(name)
        self.events: list[Event] = []
        self._noise: deque[str] = deque(maxlen=_KEPT_NOISE)
        self._on_event = on_event
        self._file = self.path.open("rb", buffering=0)
        self._rest = b""

    def __enter__(self) -> Stream:
        """Return itself; its files are closed at the end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close what was opened; the log stays, when there is anything in it."""
        self._file.close()
        os.close(self.descriptor)
        if self.path.stat().st_size == 0:
            self.path.unlink()

    @property
    def noise(self) -> str:
        """The last lines that were none of Terraform's messages, in one."""
        return " ".join(" ".join(self._noise).translate(_FRAME).split())

    def pump(self) -> None:
        """Read what has been written since."""
        while chunk := self._file.read(_READ_BYTES):
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                self._take(line.decode(errors="replace"))

    def tell(self, event: Event) -> None:
        """Keep an event, save what only passes, and pass it on."""
        if not isinstance(event, _PASSING):
            self.events.append(event)
        self._on_event(event)

    def _take(self, line: str) -> None:
        event = event_of(line)
        if event is not None:
            self.tell(event)
        elif line.strip() and not line.startswith("{"):
            self._noise.append(line.strip())


def _prune(logs: Path, step: str) -> None:
    files = sorted(logs.glob(f"{step}-*.jsonl"), key=lambda each: each.stat().st_mtime_ns)
    for old in files[: -_KEPT_FILES + 1]:
        old.unlink(missing_ok=True)
