"""Checkov in an environment of its own: it pins much that the project has newer."""

from __future__ import annotations

import fnmatch
import json
import os
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

VERSION = "3.3.30"
_FOLDER = Path(__file__).parents[3] / ".cache" / f"checkov-{VERSION}"
_INSTALL_SECONDS = 240
_RUN_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A check that a resource does not pass; `resource` is its address."""

    plan: str
    check: str
    name: str
    resource: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a check may fail; `plan` and `resource` are patterns, as of a shell."""

    check: str
    resource: str
    why: str
    plan: str = "*"

    def covers(self, failed: Failed) -> bool:
        """Whether it is about this."""
        return (
            failed.check == self.check
            and fnmatch.fnmatchcase(failed.plan, self.plan)
            and fnmatch.fnmatchcase(failed.resource, self.resource)
        )


def reasons(file: Path) -> tuple[Reason, ...]:
    """Return what a file gives as reasons; one without a text fails the test."""
    found = tuple(Reason(**each) for each in tomllib.loads(file.read_text())["reason"])
    assert all(reason.why.strip() for reason in found)
    return found


def unexplained(failed: Iterable[Failed], given: Sequence[Reason]) -> list[Failed]:
    """Return what no reason covers."""
    return [each for each in failed if not any(reason.covers(each) for reason in given)]


def outlived(failed: Sequence[Failed], given: Iterable[Reason]) -> list[Reason]:
    """Return reasons for what does not fail any more."""
    return [reason for reason in given if not any(reason.covers(each) for each in failed)]


def checked(plans: Sequence[Path]) -> tuple[dict[str, Any], tuple[Failed, ...]]:
    """Return the numbers of a run over plans in JSON, and what failed in them."""
    files = [part for plan in plans for part in ("-f", str(plan))]
    done = subprocess.run(
        (_program(), "--framework", "terraform_plan", "--skip-download", "--quiet", "--compact",
         "-o", "json", *files),
        capture_output=True, text=True, timeout=_RUN_SECONDS, cwd=plans[0].parent,
    )  # fmt: skip
    if done.returncode > 1:
        pytest.fail(f"checkov: {done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    said = json.loads(done.stdout)
    found = (
        Failed(
            plan=Path(each["file_path"]).stem,
            check=each["check_id"],
            name=each["check_name"],
            resource=each["resource"],
        )
        for each in said["results"]["failed_checks"]
    )
    return said["summary"], tuple(found)


def _program() -> str:
    """Install it once; later runs find it in the folder of caches."""
    program = _FOLDER / "bin" / "checkov"
    done = _FOLDER / "installed"
    if not done.is_file():
        venv.create(_FOLDER, clear=True)
        _install()
        done.touch()
    return str(program)


def _install() -> None:
    pip = (sys.executable, "-m", "pip", "--python", str(_FOLDER), "--quiet")
    try:
        run = subprocess.run(
            (*pip, "install", "--no-compile", "--only-binary", ":all:", f"checkov=={VERSION}"),
            capture_output=True, text=True, timeout=_INSTALL_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        _missing(f"checkov {VERSION} was not installed within {_INSTALL_SECONDS} s")
    if run.returncode:
        _missing(f"checkov {VERSION} cannot be installed: {run.stderr.strip()[-300:]}")


def _missing(what: str) -> NoReturn:
    if os.environ.get("QINFRA_REQUIRE_CHECKOV") == "1":
        pytest.fail(what)
    pytest.skip(what)
