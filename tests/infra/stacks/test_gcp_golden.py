"""The demo's stack as Terraform's JSON; QINFRA_GOLDEN=write writes the golden file anew."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from infra.stacks.cdk import CDKS, synthesise
from infra.stacks.gcp import gcp_stacks
from tests.infra.stacks.gcp_demo import demo

GOLDEN = Path(__file__).parents[2] / "golden" / "demo-us-central1.tf.json"

pytest.importorskip("cdktf", reason="the CDK writes stacks")
if shutil.which("node") is None and os.environ.get("QINFRA_REQUIRE_TERRAFORM") != "1":
    pytest.skip("no Node.js, which the CDK runs on", allow_module_level=True)
if os.environ.get("QINFRA_CDK", CDKS[0]) != CDKS[0]:
    pytest.skip(f"golden files name the version of {CDKS[0]}", allow_module_level=True)


def test_the_demo_is_written_as_it_was_read(tmp_path: Path) -> None:
    (file,) = synthesise(gcp_stacks(demo()), tmp_path / "one")
    if os.environ.get("QINFRA_GOLDEN") == "write":
        GOLDEN.write_bytes(file.read_bytes())
    assert json.loads(file.read_text()) == json.loads(GOLDEN.read_text())  # a difference to read
    assert file.read_bytes() == GOLDEN.read_bytes()
    (again,) = synthesise(gcp_stacks(demo()), tmp_path / "two")
    assert again.read_bytes() == file.read_bytes()
