from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    ["infra.phases", "infra.fleet", "infra.capacity.placement", "infra.roles", "infra.errors"],
)
def test_the_core_loads_without_pydantic_or_difflib(module: str) -> None:
    code = f"import sys, {module}; print([m for m in ('pydantic', 'difflib') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
