"""What an agent tells systemd: that it serves, that it is alive, that it ends (sd_notify(3))."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SEND_SECONDS = 2.0
_PINGS_PER_TIMEOUT = 4
_MICROSECONDS = 1_000_000
log = structlog.get_logger()


class Notifier:
    """Sends one datagram for each thing to say; says nothing where nobody listens.

    Args:
        address: Of the socket; a leading `@` stands for an abstract one. Empty: nobody listens.
        watchdog_seconds: After which silence the agent is taken for stuck; 0 when nobody watches.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        address: str = "",
        *,
        watchdog_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._interval = watchdog_seconds / _PINGS_PER_TIMEOUT
        self._clock = clock
        self._due = 0.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Notifier:
        """Return the notifier that systemd's variables describe."""
        watched = environment.get("WATCHDOG_PID") in (None, str(os.getpid()))
        limit = environment.get("WATCHDOG_USEC", "") if watched else ""
        return cls(
            environment.get("NOTIFY_SOCKET", ""),
            watchdog_seconds=int(limit) / _MICROSECONDS if limit.isdecimal() else 0.0,
        )

    @property
    def interval_seconds(self) -> float:
        """Between two signs of life; 0 when nobody waits for them."""
        return self._interval if self._address else 0.0

    def ready(self) -> None:
        """Say that every listener is open."""
        self._send("READY=1", wait_seconds=_SEND_SECONDS)

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1", wait_seconds=_SEND_SECONDS)

    def alive(self) -> None:
        """Give a sign of life; cheap enough for every turn of a loop, and never blocks it."""
        if not self.interval_seconds or self._clock() < self._due:
            return
        self._due = self._clock() + self._interval
        self._send("WATCHDOG=1", wait_seconds=0.0)

    def _send(self, message: str, *, wait_seconds: float) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(wait_seconds)
                sender.sendto(message.encode(), self._address)
        except OSError as error:
            log.warning("systemd was not told", message=message, reason=str(error))
