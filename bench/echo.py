"""A bare gRPC echo over mutual TLS between two processes: the floor under a token's way.

The same bytes go down and up as for one token of the demo model, with nothing behind them.
`python -m bench.echo PORT FOLDER` is the far side.
"""

from __future__ import annotations

import queue
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from node_agent import tls
from node_agent.config import Tls

tls.prepare()

import grpc  # noqa: E402 - after prepare

from node_agent.proto import agent_pb2 as pb  # noqa: E402
from node_agent.proto.agent_pb2_grpc import (  # noqa: E402
    StageServicer,
    StageStub,
    add_StageServicer_to_server,
)

HIDDEN_BYTES = 128 * 4
ROUNDS = 600
WARM_UP = 100


class Echo(StageServicer):
    """Answers each row with a token."""

    def Link(self, request_iterator: Iterator[pb.LinkDown], _: Any) -> Iterator[pb.LinkUp]:  # noqa: N802 - the protocol's name
        for _message in request_iterator:
            yield pb.LinkUp(tokens=[pb.SampledToken(task=1, epoch=1, position=100, token=5)])


def round_trip_seconds_p50() -> float:
    """Return the median time from a row sent to its token received."""
    from provision import pki

    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        authority = pki.create_authority(root / "ca", "bench")
        authority.issue(root / "far", name="transformer-1", role="transformer")
        authority.issue(root / "near", name="embedding-1", role="embedding")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        argv = [sys.executable, "-m", "bench.echo", str(port), str(root / "far")]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as far:
            try:
                assert far.stdout is not None
                far.stdout.readline()
                return _measure(port, _identity(root / "near"))
            finally:
                far.kill()


def _measure(port: int, identity: Tls) -> float:
    segment = pb.Segment(task=1, epoch=1, position=99, rows=1, sample=True)
    row = pb.LinkDown(partial=pb.PartialResult(segments=[segment], payload=bytes(HIDDEN_BYTES)))
    outgoing: queue.SimpleQueue[pb.LinkDown | None] = queue.SimpleQueue()
    seconds = []
    with grpc.secure_channel(
        f"127.0.0.1:{port}",
        tls.channel_credentials(identity),
        options=tls.channel_options("transformer-1"),
    ) as channel:
        answers = StageStub(channel).Link(iter(outgoing.get, None))
        for _ in range(ROUNDS):
            started = time.perf_counter()
            outgoing.put(row)
            next(answers)
            seconds.append(time.perf_counter() - started)
        outgoing.put(None)
    return statistics.median(seconds[WARM_UP:])


def _identity(folder: Path) -> Tls:
    return Tls(ca=folder / "ca.pem", certificate=folder / "cert.pem", key=folder / "key.pem")


def _serve(port: int, folder: Path) -> None:
    server = grpc.server(ThreadPoolExecutor(4), options=tls.SERVER_OPTIONS)
    add_StageServicer_to_server(Echo(), server)
    server.add_secure_port(f"127.0.0.1:{port}", tls.server_credentials(_identity(folder)))
    server.start()
    print("listening", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), Path(sys.argv[2]))
