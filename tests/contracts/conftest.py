"""A fleet of real processes, brought up and asked with the product's own commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

QINFRA = Path(sys.executable).with_name("qinfra")
COMMAND_SECONDS = 120


@dataclass
class Operator:
    """A person at a shell, with a folder of deployments."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(QINFRA), *arguments],
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
            cwd=self.home,
            env={**os.environ, **self.environment, "QINFRA_HOME": str(self.home / "q")},
        )
        if check:
            assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(QINFRA), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
            env={**os.environ, "QINFRA_HOME": str(self.home / "q")},
            **options,
        )

    def json(self, *arguments: str) -> dict[str, Any]:
        return json.loads(self.run(*arguments, "--json").stdout)

    def root(self, name: str) -> Path:
        return self.home / "q" / name

    def processes(self) -> list[psutil.Process]:
        """Every process that works for a deployment of this home."""
        mine = str(self.home)
        found = []
        for process in psutil.process_iter():
            try:
                if any(mine in part for part in process.cmdline()) and process.pid != os.getpid():
                    found.append(process)
            except psutil.Error:
                continue
        return [p for p in found if p.status() != psutil.STATUS_ZOMBIE]

    def agent_pid(self, name: str) -> int | None:
        for process in self.processes():
            if any(part.endswith(f"/{name}/agent.toml") for part in process.cmdline()):
                return process.pid
        return None

    def agent(self, name: str) -> psutil.Process:
        return psutil.Process(until(lambda: self.agent_pid(name)))


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Poll until the condition holds; fails when the time is over."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "the wait is over"
        time.sleep(0.05)
    return value


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    """An operator whose deployments, if any are left, are ended after the test."""
    person = Operator(tmp_path)
    yield person
    _end(person)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The demo phase with the embedded model, shared by the tests of a module."""
    person = Operator(tmp_path_factory.mktemp("fleet"))
    person.run("deploy", "--phase", "demo", "--target", "local")
    yield person
    _end(person)


def _end(person: Operator) -> None:
    for name in [p.name for p in (person.home / "q").glob("[a-z]*") if p.is_dir()]:
        person.run("destroy", "--name", name, "--yes", check=False)
    left = person.processes()
    for process in left:
        process.kill()
    assert not left, f"left behind: {left}"
