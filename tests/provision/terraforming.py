"""Stacks of Terraform's built-in `terraform_data`, which need no provider and no cloud."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from provision.targets.processes import wait_for
from provision.terraform.binary import find_binary
from provision.terraform.events import Event
from provision.terraform.plan import PlanSummary, verified
from provision.terraform.run import Limits, Terraform

_MISSING = shutil.which("terraform") is None and shutil.which("tofu") is None
needs_terraform = pytest.mark.skipif(
    _MISSING and os.environ.get("QINFRA_REQUIRE_TERRAFORM") != "1",
    reason="there is no terraform and no tofu on PATH",
)
SLEEPING = 20  # seconds; no test waits for it


def stack(**resources: Any) -> dict[str, Any]:
    return {"resource": {"terraform_data": resources}}


def sleeper(seconds: float = SLEEPING, **arguments: Any) -> dict[str, Any]:
    command = f"touch started; exec sleep {seconds}"
    return {"provisioner": [{"local-exec": {"command": command}}], **arguments}


def three_in_a_row() -> dict[str, Any]:
    """The second sleeps, so that the first is there and the third is not."""
    return stack(
        first={},
        second=sleeper(depends_on=["terraform_data.first"]),
        third={"depends_on": ["terraform_data.second"]},
    )


class Stacked:
    """A stack in a folder, and all that was told of it."""

    def __init__(self, folder: Path, content: dict[str, Any] | str, **limits: float) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.write(content)
        self.events: list[Event] = []
        environ = dict(os.environ) | {"HOME": str(folder)}
        self.terraform = Terraform(
            folder,
            find_binary(None, environ),
            environ,
            self.events.append,
            Limits(**{"lock": 0.0, "grace": 10.0} | limits),
        )
        self.saved = folder / "plan.tfplan"

    def write(self, content: dict[str, Any] | str) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        (self.folder / "cdk.tf.json").write_text(text)

    def plan(self, **options: Any) -> PlanSummary:
        return self.terraform.plan(self.saved, **options).summary

    def apply(self) -> None:
        self.terraform.apply(verified(self.saved, self.folder, catalogue=""))

    def told(self, kind: type) -> list[Any]:
        return [each for each in self.events if isinstance(each, kind)]

    @property
    def started(self) -> Path:
        """Is there once the sleeper sleeps."""
        return self.folder / "started"

    @property
    def lock_file(self) -> Path:
        return self.folder / ".terraform.tfstate.lock.info"

    def addresses(self) -> list[str]:
        state = json.loads((self.folder / "terraform.tfstate").read_text())
        return sorted(each["name"] for each in state["resources"])


APPLY = """
import sys
from pathlib import Path
from tests.provision.terraforming import Stacked
made = Stacked(Path(sys.argv[1]), (Path(sys.argv[1]) / "cdk.tf.json").read_text())
made.apply()
"""


@contextmanager
def once(path: Path, number: signal.Signals) -> Iterator[None]:
    """Signal this process as soon as `path` is there."""

    def send() -> None:
        if wait_for(path.exists, timeout_seconds=15):
            os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextmanager
def applying_elsewhere(made: Stacked) -> Iterator[subprocess.Popen[bytes]]:
    """Another process of the toolkit applies the saved plan, and sleeps in it."""
    with subprocess.Popen([sys.executable, "-c", APPLY, str(made.folder)]) as other:
        try:
            assert wait_for(made.started.exists, timeout_seconds=15)
            yield other
        finally:
            other.terminate()
