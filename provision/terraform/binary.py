"""Which terraform or tofu does the work."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.errors import PreflightError
from provision.terraform.environment import without_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "QINFRA_TERRAFORM"
NAMES = ("terraform", "tofu")
OLDEST = (1, 10)  # the first, of both, whose S3 backend locks a state without a table
_VERSION_SECONDS = 30.0  # it starts in 0.05 s; a first start from a slow disk takes longer
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-[0-9A-Za-z.-]+)?")
_INSTALL = (
    "Install Terraform (https://developer.hashicorp.com/terraform/install) or OpenTofu "
    "(https://opentofu.org/docs/intro/install) of 1.10 or later, or name one with "
    f"{VARIABLE}."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """A binary that will do.

    Attributes:
        path: Absolute.
        name: terraform or tofu, as its file is called.
        version: As in 1.11.4.
    """

    path: Path
    name: str
    version: str


def find_binary(asked: str | None, environ: Mapping[str, str]) -> Binary:
    """Return the binary that was asked for, or QINFRA_TERRAFORM's, or the first on PATH.

    Args:
        asked: A path, or a name on PATH.
        environ: With the PATH that is searched.

    Raises:
        PreflightError: There is none, it does not run, or it is older than 1.10.
    """
    wanted, source = _wanted(asked, environ)
    for name in wanted:
        found = shutil.which(name, path=environ.get("PATH", os.defpath))
        if found is not None:
            return _checked(Path(found).absolute(), environ)
    names = " nor ".join(f"'{name}'" for name in wanted)
    raise PreflightError(f"no Terraform: {source} {names} is no program", hint=_INSTALL)


def _wanted(asked: str | None, environ: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    if asked:
        return (asked,), "the asked"
    if environ.get(VARIABLE):
        return (environ[VARIABLE],), f"{VARIABLE}'s"
    return NAMES, "on PATH"


def _checked(path: Path, environ: Mapping[str, str]) -> Binary:
    text = _version_of(path, environ)
    name = "tofu" if "tofu" in path.name else "terraform"  # `version -json` of both is the same
    match = _VERSION.fullmatch(text)
    if match is None:
        raise PreflightError(f"{path}: says its version is {text[:40]!r}", hint=_INSTALL)
    if (int(match[1]), int(match[2])) < OLDEST:
        raise PreflightError(
            f"{path} is {name} {text}, and 1.10 is the oldest that locks a state in S3 by itself",
            hint=_INSTALL,
        )
    return Binary(path=path, name=name, version=text)


def _version_of(path: Path, environ: Mapping[str, str]) -> str:
    environment = without_arguments(environ) | {"CHECKPOINT_DISABLE": "1"}
    environment.pop("TF_CLI_CONFIG_FILE", None)  # a missing one is warned about
    try:
        done = subprocess.run(
            (str(path), "version", "-json"),
            capture_output=True,
            check=True,
            env=environment,
            timeout=_VERSION_SECONDS,
        )
        return str(json.loads(done.stdout)["terraform_version"])
    except OSError as error:
        problem = f"cannot be run: {error.strerror}"
    except subprocess.TimeoutExpired:
        problem = f"did not tell its version within {_VERSION_SECONDS:g} s"
    except subprocess.CalledProcessError as error:
        problem = f"ends with {error.returncode} when asked for its version"
    except (ValueError, KeyError, TypeError):
        problem = "does not tell its version as Terraform does"
    raise PreflightError(f"{path}: {problem}", hint=_INSTALL)
