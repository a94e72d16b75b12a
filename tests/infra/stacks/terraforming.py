"""Terraform with the real providers, from a mirror on this machine; no cloud and no registry."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from infra.stacks.blocks import Stack
from infra.stacks.cdk import CDKS, synthesise

_HOST = "registry.terraform.io"
_SECONDS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Terraform:
    """A binary that finds its providers in a mirror."""

    binary: str
    environment: dict[str, str]

    def run(self, folder: Path, *arguments: str) -> str:
        """Return what a command says; the test fails with it when the command does."""
        done = subprocess.run(
            (self.binary, *arguments),
            cwd=folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        if done.returncode:
            pytest.fail(f"terraform {' '.join(arguments)}: {done.stdout}\n{done.stderr}")
        return done.stdout

    def initialised(self, stacks: Sequence[Stack], folder: Path) -> tuple[Path, ...]:
        """Write the stacks and load their providers; returns their folders."""
        folders = tuple(file.parent for file in synthesise(stacks, folder))
        for each in folders:
            self.run(each, "init", "-input=false", "-no-color")
        return folders

    def validated(self, stacks: Sequence[Stack], folder: Path) -> tuple[Path, ...]:
        """Write the stacks and have each validated, without a warning; returns their folders."""
        folders = self.initialised(stacks, folder)
        for each in folders:
            said: dict[str, Any] = json.loads(self.run(each, "validate", "-json"))
            assert said["diagnostics"] == [], each.name
        return folders


def terraform(folder: Path, provider: str) -> Terraform:
    """Return a Terraform that can load `provider`, or skip the test.

    Args:
        folder: Where its own configuration of the command line is written, when it needs one.
        provider: As in `aws`.
    """
    if shutil.which("node") is None or not any(map(importlib.util.find_spec, CDKS)):
        _missing("no Node.js, or no CDK to write stacks with")
    binary = shutil.which("terraform")
    if binary is None:
        _missing("no terraform on PATH")
    given = os.environ.get("TF_CLI_CONFIG_FILE", "")
    if not Path(given).is_file():
        given = str(_configuration(folder, _mirror(provider), provider))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    own = {
        "TF_CLI_CONFIG_FILE": given,
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return Terraform(binary=binary, environment=kept | own)


def _configuration(folder: Path, mirror: Path, provider: str) -> Path:
    file = folder / "terraform.rc"
    file.write_text(
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        f"    path    = {json.dumps(str(mirror))}\n"
        f'    include = ["hashicorp/{provider}"]\n'
        "  }\n"
        "}\n"
        "disable_checkpoint = true\n"
    )
    return file


def _mirror(provider: str) -> Path:
    for folder in _places():
        if (folder / _HOST / "hashicorp" / provider).is_dir():
            return folder
    return _missing("no provider mirror")


def _places() -> Iterator[Path]:
    if named := os.environ.get("QINFRA_PROVIDER_MIRROR"):
        yield Path(named)
    home = Path.home()
    yield home / ".terraform.d" / "plugins"
    yield home / ".local" / "share" / "terraform" / "plugins"
    yield Path("/usr/local/share/terraform/plugins")
    yield Path("/usr/share/terraform/plugins")
    yield Path("/usr/share/terraform")
    yield from sorted(Path("/opt").glob("*"))


def _missing(what: str) -> NoReturn:
    if os.environ.get("QINFRA_REQUIRE_TERRAFORM") == "1":
        pytest.fail(what)
    pytest.skip(what)
