"""Deployments of stand-in agents: real processes, certificates and listeners, no model."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner, Result

from infra.config import Settings
from provision.cli import main
from provision.deploy import Deployed, deploy
from provision.preparation import World
from provision.report.progress import LineProgress
from provision.state import DeploymentFolder
from provision.targets.local import LocalTarget
from provision.wishes import Flags, wish
from tests.provision.deploying import STANDIN

Deploy = Callable[..., Deployed]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "behaviour.json").write_text("{}")
    return folder


@pytest.fixture
def behave(model: Path) -> Callable[..., None]:
    """Say how agents misbehave, by name."""

    def write(**behaviours: str) -> None:
        named = {name.replace("_", "-"): what for name, what in behaviours.items()}
        (model / "behaviour.json").write_text(json.dumps(named))

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DeploymentFolder]:
    """An empty home; whatever was started in it is gone after the test."""
    folder = DeploymentFolder(tmp_path / "home", "fleet")
    yield folder
    LocalTarget(root=folder.root, agent_command=STANDIN).down(grace_seconds=2)


@pytest.fixture
def deploy_fleet(folder: DeploymentFolder, model: Path) -> Deploy:
    def start(*, world: World | None = None, progress: Any = None, **flags: Any) -> Deployed:
        wanted = wish(
            Flags(**{"phase": "demo", "model": str(model)} | flags),
            Settings(),
            version="1",
        )
        return deploy(
            folder,
            wanted,
            world or World(agent_command=STANDIN),
            progress or LineProgress(lambda _: None, time.monotonic),
            command="qinfra deploy",
        )

    return start


def processes_of(folder: DeploymentFolder) -> list[psutil.Process]:
    """Every process whose command line names the deployment's folder."""
    found = []
    for process in psutil.process_iter():
        try:
            arguments = process.cmdline()
        except psutil.Error:
            continue
        if any(str(folder.root) in argument for argument in arguments):
            found.append(process)
    return found


@pytest.fixture
def prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `qinfra prices` with data of its own, credentials that are none, and no configuration."""
    unreal_account(tmp_path, monkeypatch)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    return lambda *arguments: CliRunner().invoke(main, ["prices", *arguments])


def unreal_account(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process credentials that are none, and nothing of whoever runs the tests."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "XDG_DATA_HOME": str(folder / "data"),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": str(folder / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
