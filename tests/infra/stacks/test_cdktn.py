"""The CDK's continuation writes what the archived one writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

CDKTN = "cdktn==0.24.0"
ROOT = Path(__file__).parents[3]
SCRIPT = """
import sys
from pathlib import Path
from infra.backend import GcsBackend, S3Backend, States
from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.declaration import Phase
from infra.phases import phase_config
from infra.stacks.cdk import synthesise
from infra.stacks.phases import stacks_of
for phase in Phase:
    config = phase_config(phase, GUIDE_NETWORK, Assumptions())
    synthesise(stacks_of(config), Path(sys.argv[1]) / phase)
for backend in (S3Backend(bucket="our-s", region="eu-west-1"), GcsBackend(bucket="our-s")):
    states = States(backend=backend, deployment="mine")
    synthesise(stacks_of(config), Path(sys.argv[1]) / backend.kind, states)
"""


@pytest.fixture(scope="module")
def cdktn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own: its constructs and jsii are not cdktf's."""
    folder = tmp_path_factory.mktemp("cdktn")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    install = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", CDKTN], capture_output=True, text=True
    )
    if install.returncode and not os.environ.get("CI"):
        pytest.skip(f"{CDKTN} cannot be installed here: {install.stderr.strip()[-200:]}")
    assert install.returncode == 0, install.stderr
    return python


def test_both_cdks_write_the_same(cdktn: Path, tmp_path: Path) -> None:
    pytest.importorskip("cdktf", reason="the CDK writes stacks")
    for name, python in (("cdktf", sys.executable), ("cdktn", cdktn)):
        environ = {**os.environ, "QINFRA_CDK": name, "PYTHONPATH": str(ROOT)}
        run = [python, "-P", "-c", SCRIPT, str(tmp_path / name)]
        subprocess.run(run, check=True, env=environ, cwd=tmp_path)
    written = sorted(file.relative_to(tmp_path / "cdktf") for file in documents(tmp_path / "cdktf"))
    assert written
    for file in written:
        assert read(tmp_path / "cdktn" / file) == read(tmp_path / "cdktf" / file), file


def documents(folder: Path) -> list[Path]:
    return list(folder.rglob("cdk.tf.json"))


def read(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(file.read_text())
    del document["//"]  # the CDK's own version
    return document
