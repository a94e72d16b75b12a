"""Lets each queued packet wait: the part of netem that kernels without netem still can do.

Run inside a host's network namespace as `python delay.py SECONDS`; prints `ready` once it listens.
Only the packets' numbers come here, their bytes stay in the kernel.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Iterator

NETLINK_NETFILTER = 12
PACKET, VERDICT, CONFIG = (3 << 8 | kind for kind in range(3))
REQUEST = 1
CFG_CMD, CFG_PARAMS, CFG_MAXLEN, CFG_MASK, CFG_FLAGS = 1, 2, 3, 4, 5
BIND, COPY_META, WHOLE_GSO, ACCEPT = 1, 1, 4, 1
PACKET_HEADER, VERDICT_HEADER = 1, 2


def message(kind: int, queue: int, *attributes: tuple[int, bytes]) -> bytes:
    """Return a netlink message for a queue."""
    body = struct.pack("!BBH", 0, 0, queue)
    for name, value in attributes:
        padding = b"\0" * (-len(value) % 4)
        body += struct.pack("=HH", len(value) + 4, name) + value + padding
    return struct.pack("=IHHII", len(body) + 16, kind, REQUEST, 0, 0) + body


def packet_numbers(data: bytes) -> Iterator[int]:
    """Yield the numbers of the packets that a read brought."""
    while len(data) >= 20:
        length, kind = struct.unpack_from("=IH", data)
        at = 20
        while kind == PACKET and at < length:
            size, name = struct.unpack_from("=HH", data, at)
            if name == PACKET_HEADER:
                yield struct.unpack_from("!I", data, at + 4)[0]
            at += (size + 3) & ~3
        data = data[(length + 3) & ~3 :]


def hold(seconds: float, queue: int = 0) -> None:
    """Let every packet of a queue pass after `seconds`, until killed."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as link:
        link.bind((0, 0))
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        for attributes in (
            ((CFG_CMD, struct.pack("!BBH", BIND, 0, 0)),),
            ((CFG_PARAMS, struct.pack("!IB", 0, COPY_META)),),
            ((CFG_MAXLEN, struct.pack("!I", 100_000)),),
            ((CFG_MASK, struct.pack("!I", WHOLE_GSO)), (CFG_FLAGS, struct.pack("!I", WHOLE_GSO))),
        ):
            link.send(message(CONFIG, queue, *attributes))
        print("ready", flush=True)  # noqa: T201 - whoever started this waits for it
        waiting: deque[tuple[float, int]] = deque()
        while True:
            left = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
            if select.select([link], [], [], left)[0]:
                due = time.monotonic() + seconds
                waiting.extend((due, number) for number in packet_numbers(link.recv(65536)))
            while waiting and waiting[0][0] <= time.monotonic():
                verdict = struct.pack("!II", ACCEPT, waiting.popleft()[1])
                link.send(message(VERDICT, queue, (VERDICT_HEADER, verdict)))


if __name__ == "__main__":
    hold(float(sys.argv[1]))
