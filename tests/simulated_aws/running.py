"""A simulated AWS as a process of its own, and qinfra as another that talks to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.infra.stacks.terraforming import terraform
from tests.simulated_aws.refusals import PATH

_QINFRA = (sys.executable, "-c", "from provision.cli import main; main()")
_ROOT = Path(__file__).parents[2]
_SECONDS = 600


@contextmanager
def simulated_aws(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the environment in which AWS is a process on this machine; skips without Terraform.

    Args:
        folder: Takes the configuration of Terraform's command line.
    """
    cli = terraform(folder, "aws")
    with subprocess.Popen(
        [sys.executable, "-m", "tests.simulated_aws"], cwd=_ROOT, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            yield {
                **{name: value for name, value in os.environ.items() if name != "AWS_PROFILE"},
                **{name: value for name, value in cli.environment.items() if "TF_" in name},
                "QINFRA_TERRAFORM": cli.binary,
                "AWS_ENDPOINT_URL": address,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
                "PYTHONPATH": str(_ROOT),
            }
        finally:
            server.terminate()


def refuse(environment: Mapping[str, str], **refusal: str | int) -> None:
    """Let a call of an action fail; see `Refusal`, whose fields these are.

    Args:
        environment: Of `simulated_aws`.
        refusal: As in action="RunInstances", code="VcpuLimitExceeded", after=2.
    """
    url = environment["AWS_ENDPOINT_URL"] + PATH
    urlopen(Request(url, json.dumps(refusal).encode(), method="POST"), timeout=10).close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A person at a shell: a folder, an environment, and qinfra."""

    folder: Path
    environment: dict[str, str]

    def types(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run qinfra to its end; the test fails when it ends with another code."""
        done = subprocess.run(
            [*_QINFRA, *arguments], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, timeout=_SECONDS,
        )  # fmt: skip
        told = f"{arguments}: {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr}"
        assert done.returncode == code, told
        return done

    def asks(self, *arguments: str, code: int = 0) -> Any:
        """Return what qinfra says with --json."""
        return json.loads(self.types(*arguments, "--json", code=code).stdout)

    def interrupts(self, *arguments: str, when: str, with_signal: signal.Signals) -> str:
        """Start qinfra, signal it once it says `when`, and return all that it said."""
        log = self.folder / "interrupted.log"
        with (
            log.open("w") as said,
            subprocess.Popen(
                [*_QINFRA, *arguments], cwd=self.folder, env=self.environment,
                stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
            ) as running,
        ):  # fmt: skip
            ends_at = time.monotonic() + _SECONDS
            while when not in log.read_text():
                assert running.poll() is None, log.read_text()
                assert time.monotonic() < ends_at, log.read_text()
                time.sleep(0.1)
            running.send_signal(with_signal)
            running.wait(_SECONDS)
        return log.read_text()
