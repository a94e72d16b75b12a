"""One line for each node while it comes up: redrawn on a terminal, else one line a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

_PHASE = 44  # columns; a line must not wrap where it is drawn again
_UP_AND_CLEAR = "\x1b[{lines}F\x1b[J"


class Progress(Protocol):
    """Who wants to know how a deploy goes."""

    def step(self, text: str) -> None:
        """A step begins."""

    def node(self, name: str, phase: str) -> None:
        """A node has reached a phase."""


@dataclass(slots=True)
class _Line:
    phase: str
    since: float
    changed: float


class LineProgress:
    """Plain lines, for logs and pipes: each node again only when its phase changes.

    Args:
        write: Takes text, with its ends of line.
        clock: Seconds, for the elapsed time.
    """

    def __init__(self, write: Callable[[str], object], clock: Callable[[], float]) -> None:
        self._write = write
        self._clock = clock
        self._start = clock()
        self._phases: dict[str, str] = {}

    def step(self, text: str) -> None:
        """Print the step."""
        self._write(f"{text}\n")

    def node(self, name: str, phase: str) -> None:
        """Print the node when its phase is new."""
        if self._phases.get(name) != phase:
            self._phases[name] = phase
            self._write(
                f"  {name:<16} {phase[:_PHASE]:<{_PHASE}} {self._clock() - self._start:5.1f} s\n"
            )


class TerminalProgress:
    """The same on a terminal: the nodes' lines are drawn again in place.

    Args:
        write: Takes text and control sequences.
        clock: Seconds, for the elapsed time.
    """

    def __init__(self, write: Callable[[str], object], clock: Callable[[], float]) -> None:
        self._write = write
        self._clock = clock
        self._start = clock()
        self._lines: dict[str, _Line] = {}
        self._drawn = 0

    def step(self, text: str) -> None:
        """Print the step below what stands."""
        self._lines.clear()
        self._drawn = 0
        self._write(f"{text}\n")

    def node(self, name: str, phase: str) -> None:
        """Draw all nodes again."""
        now = self._clock()
        line = self._lines.setdefault(name, _Line(phase, self._start, now))
        if line.phase != phase:
            line.phase, line.changed = phase, now
        self._draw(now)

    def _draw(self, now: float) -> None:
        clear = _UP_AND_CLEAR.format(lines=self._drawn) if self._drawn else ""
        rows = (
            f"  {name:<16} {line.phase[:_PHASE]:<{_PHASE}} {_elapsed(line, now):5.1f} s\n"
            for name, line in self._lines.items()
        )
        self._write(clear + "".join(rows))
        self._drawn = len(self._lines)


def _elapsed(line: _Line, now: float) -> float:
    """The clock of a node stops when it is ready."""
    return (line.changed if line.phase == "ready" else now) - line.since
