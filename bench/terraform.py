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
SERVER = (sys.executable, "-m", "tests.simulated_aws")
ROUNDS = 1  # of two minutes each, nearly all of it the provider's own waiting
_START_SECONDS = 30
_ROOT = Path(__file__).parents[1]


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


_NAMED = ("--var", "domain=llm.example.org", "--var", "zone_id=Z0123456789ABCDEFGHIJ")
_MVP = ("--phase", "mvp", "--yes", "--skip-rollout")
# In this order in one folder of deployments.
STEPS = (
    Step(name="doctor_enterprise", arguments=("doctor", "--phase", "enterprise")),
    Step(name="plan_enterprise", arguments=("plan", "--phase", "enterprise", *_NAMED)),
    Step(name="saved_enterprise", arguments=("plan", "--phase", "enterprise", "--saved")),
    Step(name="plan_mvp", arguments=("plan", "--phase", "mvp")),
    Step(name="deploy_mvp", arguments=("deploy", *_MVP)),
    Step(name="again_mvp", arguments=("plan", "--phase", "mvp")),
    Step(name="drift_mvp", arguments=("drift",)),
    Step(name="destroy_mvp", arguments=("destroy", "--yes")),
)


def measure() -> dict[str, float]:
    """Return each step's median over rounds in fresh folders, the doctor having woken all up."""
    seconds: dict[str, list[float]] = {step.name: [] for step in STEPS}
    with _cloud() as endpoint:
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory() as home:
                environ = _environment(endpoint, Path(home))
                _timed(STEPS[0], environ)
                for step in STEPS:
                    seconds[step.name].append(_timed(step, environ))
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
    with subprocess.Popen(argv, cwd=_ROOT, stdout=nowhere, stderr=nowhere) as server:
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
