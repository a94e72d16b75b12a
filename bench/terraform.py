"""How long the commands take that ask a cloud, against a simulated one on this machine.

What a real cloud adds is its own time. Terraform and the AWS provider have to be at hand:
QINFRA_PROVIDER_MIRROR names a folder of providers where there is no network.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.fleet import QINFRA

# Started with `--port N`, it answers on 127.0.0.1 what AWS would.
SERVER = (sys.executable, "-m", "moto.server")
ROUNDS = 3
_START_SECONDS = 30
_REFUSED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command of a deployment's life.

    Attributes:
        name: Its figure is NAME_seconds.
        arguments: Of qinfra; the folder of deployments is in its environment.
        codes: Exit codes it may end with.
    """

    name: str
    arguments: tuple[str, ...]
    codes: tuple[int, ...] = (0,)


# In this order in one folder of deployments. The simulated cloud has neither AWS's quotas nor its
# images, so the doctor, all of whose checks run, may refuse.
STEPS = (
    Step(
        name="doctor_enterprise",
        arguments=("doctor", "--phase", "enterprise"),
        codes=(0, _REFUSED),
    ),
    Step(
        name="plan_mvp",
        arguments=("plan", "--phase", "mvp", "--var", "ami_id=ami-0123456789abcdef0"),
    ),
)


def measure() -> dict[str, float]:
    """Return each step's median over rounds in fresh folders, after a round that wakes all up."""
    seconds: dict[str, list[float]] = {step.name: [] for step in STEPS}
    with _cloud() as endpoint:
        for index in range(ROUNDS + 1):
            with tempfile.TemporaryDirectory() as home:
                environ = _environment(endpoint, Path(home))
                for step in STEPS:
                    taken = _timed(step, environ)
                    if index:
                        seconds[step.name].append(taken)
    return {f"{name}_seconds": statistics.median(taken) for name, taken in seconds.items()}


def _timed(step: Step, environ: Mapping[str, str]) -> float:
    started = time.perf_counter()
    run = subprocess.run(
        (str(QINFRA), *step.arguments),
        env=environ,
        cwd=environ["QINFRA_HOME"],
        capture_output=True,
        text=True,
    )
    if run.returncode not in step.codes:
        raise RuntimeError(f"{step.name} ended with {run.returncode}: {run.stderr}")
    return time.perf_counter() - started


def _environment(endpoint: str, home: Path) -> dict[str, str]:
    return os.environ | {
        "QINFRA_HOME": str(home),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def _cloud() -> Iterator[str]:
    """Start the simulated cloud and yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = (*SERVER, "--port", str(port))
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(argv, stdout=nowhere, stderr=nowhere) as server:
        try:
            _await(server, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _await(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{' '.join(SERVER)} does not listen on port {port}")
