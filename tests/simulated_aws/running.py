"""The simulated AWS as a process of its own, and the environment in which it is the cloud."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REGION = "us-east-1"
_ROOT = Path(__file__).parents[2]


@contextmanager
def running() -> Iterator[str]:
    """Run one on a free port; gives its address, and ends it."""
    command = (sys.executable, "-m", "tests.simulated_aws")
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address.startswith("http://"), "the simulated AWS did not start"
            yield address
        finally:
            process.terminate()


def environment(address: str) -> dict[str, str]:
    """Return the variables that lead every client of AWS there, and nowhere else."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@pytest.fixture(scope="module")
def simulated_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Give a module an empty account: the variables for AWS's clients and for Terraform."""
    from tests.infra.stacks.terraforming import terraform

    cli = terraform(tmp_path_factory.mktemp("mirror"), "aws")
    found = {name: value for name, value in cli.environment.items() if name.startswith("TF_")}
    with running() as address:
        yield found | environment(address) | {"QINFRA_TERRAFORM": cli.binary}
