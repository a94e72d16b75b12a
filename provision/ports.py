"""Which ports are free, and who has the others."""

from __future__ import annotations

import socket
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from infra.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GATEWAY_TRIES = 100
_LOWEST, _HIGHEST = 20_000, 32_767
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def is_free(host: str, port: int) -> bool:
    """Whether this process could listen on `host:port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()
        except OSError:
            return False
    return True


def gateway_ports(
    host: str,
    count: int,
    *,
    pinned: int | None,
    first: int,
    free: Callable[[str, int], bool] = is_free,
) -> tuple[int, ...]:
    """Return the ports on which the API will listen.

    Args:
        host: Where.
        count: One for each orchestrator.
        pinned: The first one's port, if a person asked for it; the others follow it.
        first: Where the search begins otherwise.
        free: Whether a port can be had.

    Raises:
        PreflightError: The pinned one is taken, or there are not so many in the next hundred.
    """
    start = first if pinned is None else _pinned(host, pinned, free)
    found = [port for port in (start, *_after(start)) if free(host, port)][:count]
    if len(found) < count:
        raise PreflightError(
            f"no {count} free ports on {host} from {start} to {start + GATEWAY_TRIES}",
            hint="Name one with --port.",
        )
    return tuple(found)


def internal_ports(host: str, count: int, *, deployment: str) -> tuple[int, ...]:
    """Return `count` free ports for agents.

    They lie below the range from which the kernel takes ports of outgoing connections, so that no
    connection can sit on an agent's port while the agent is started again. Where the search begins
    depends on the deployment's name, so that two deploys at once do not meet.

    Raises:
        PreflightError: There are not so many.
    """
    highest = min(_HIGHEST, lowest_ephemeral_port() - 1)
    found: list[int] = []
    for port in _candidates(_LOWEST, highest, seed=zlib.crc32(deployment.encode())):
        if len(found) == count:
            break
        if is_free(host, port):
            found.append(port)
    if len(found) < count:
        raise PreflightError(f"no {count} free ports on {host} from {_LOWEST} to {highest}")
    return tuple(found)


def lowest_ephemeral_port() -> int:
    """Return the first port the kernel gives to outgoing connections."""
    try:
        return int(_EPHEMERAL_RANGE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _HIGHEST + 1


def holder(port: int) -> str:
    """Say who listens on a port, as far as this user may see it; empty when it cannot be told."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status != psutil.CONN_LISTEN or not connection.pid:
                continue
            if connection.laddr and connection.laddr.port == port:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        return ""
    return ""


def _pinned(host: str, port: int, free: Callable[[str, int], bool]) -> int:
    if free(host, port):
        return port
    other = next((p for p in _after(port) if free(host, p)), None)
    raise PreflightError(
        f"port {port} on {host} is taken{_by(holder(port))}",
        hint=f"Use --port {other}, or stop what listens there." if other else "Use another --port.",
    )


def _candidates(lowest: int, highest: int, *, seed: int) -> Iterator[int]:
    width = max(highest - lowest + 1, 0)
    for step in range(width):
        yield lowest + (seed + step) % width


def _after(port: int) -> range:
    return range(port + 1, min(port + GATEWAY_TRIES, 65_535) + 1)


def _by(who: str) -> str:
    return f" by {who}" if who else ""
