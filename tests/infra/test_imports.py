from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "infra.phases",
        "infra.fleet",
        "infra.capacity.placement",
        "infra.roles",
        "infra.errors",
        "infra.preflight",
    ],
)
def test_the_core_loads_without_pydantic_difflib_or_a_cloud(module: str) -> None:
    heavy = ("pydantic", "difflib", "boto3", "google.auth", "google.cloud")
    code = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
