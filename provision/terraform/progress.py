"""Lines that say how an apply goes: one for each resource that is done, and a sign of life."""

from __future__ import annotations

from functools import singledispatchmethod
from typing import TYPE_CHECKING

from provision.terraform.errors import one_line
from provision.terraform.events import (
    ApplyCompleted,
    ApplyErrored,
    ApplyProgress,
    ApplyStarted,
    Diagnostic,
    Stopping,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from provision.terraform.events import Event
    from provision.terraform.plan import PlanSummary

_QUIET_SECONDS = 5.0  # every resource under way reports each ten seconds: one line for them all
_WORDS = {
    "create": ("creating", "created"),
    "update": ("changing", "changed"),
    "delete": ("destroying", "destroyed"),
}
_REPLACED = "replaced"


class ApplyLines:
    """Takes the events of an apply.

    Args:
        summary: Of the plan that is applied.
        write: Takes text, with its ends of line.
        clock: Seconds.
    """

    def __init__(
        self, summary: PlanSummary, write: Callable[[str], object], clock: Callable[[], float]
    ) -> None:
        self._write = write
        self._clock = clock
        self._planned = summary.resources
        self._done = 0
        # A replacement is done when it is both destroyed and created, in whichever order.
        self._halves = {each.address: 2 for each in summary.replacements}
        self._spent: dict[str, float] = {}
        self._under_way: dict[str, tuple[str, float]] = {}
        self._last_line = clock()

    def __call__(self, event: Event) -> None:
        """Print what an event has to say, if anything."""
        self._take(event)

    @singledispatchmethod
    def _take(self, event: Event) -> None:
        """Most events need no line."""

    @_take.register
    def _(self, event: ApplyStarted) -> None:
        if event.action in _WORDS:  # data is read, without being counted
            self._under_way[event.address] = (event.action, 0.0)

    @_take.register
    def _(self, event: ApplyProgress) -> None:
        if event.action not in _WORDS:
            return
        self._under_way[event.address] = (event.action, event.elapsed_seconds)
        if self._clock() - self._last_line >= _QUIET_SECONDS:
            self._sign_of_life()

    @_take.register
    def _(self, event: ApplyCompleted) -> None:
        if event.action not in _WORDS:
            return
        address = event.address
        self._under_way.pop(address, None)
        spent = self._spent.pop(address, 0.0) + event.elapsed_seconds
        halves = self._halves.get(address)
        if halves == 2:
            self._halves[address], self._spent[address] = 1, spent
            return
        self._done += 1
        word = _REPLACED if halves else _WORDS[event.action][1]
        self._line(f"{self._count} {address} {word} in {spent:.0f} s")

    @_take.register
    def _(self, event: ApplyErrored) -> None:
        self._under_way.pop(event.address, None)
        doing = _WORDS.get(event.action, (event.action,))[0]
        self._line(f"{self._blank} {event.address} failed {doing}, {event.elapsed_seconds:.0f} s")

    @_take.register
    def _(self, event: Diagnostic) -> None:
        if event.severity == "warning":  # errors are what the step ends with
            self._line(f"{self._blank} warning: {one_line(event)}")

    @_take.register
    def _(self, event: Stopping) -> None:
        self._line(
            f"{self._blank} {event.why}: waiting up to {event.grace_seconds:.0f} s until the "
            "state is written and its lock free"
        )

    @property
    def _count(self) -> str:
        width = len(str(self._planned))
        return f"{self._done:>{width}}/{self._planned}"

    @property
    def _blank(self) -> str:
        return " " * len(self._count)

    def _sign_of_life(self) -> None:
        longest = max(self._under_way, key=lambda address: self._under_way[address][1])
        action, seconds = self._under_way[longest]
        more = len(self._under_way) - 1
        others = f", and {more} more" if more else ""
        self._line(f"{self._blank} still {_WORDS[action][0]} {longest}, {seconds:.0f} s{others}")

    def _line(self, text: str) -> None:
        self._last_line = self._clock()
        self._write("  " + "".join(c if c.isprintable() else " " for c in text) + "\n")
