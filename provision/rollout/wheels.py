"""pip, asked for our wheel, for what a role resolves to, and for wheels; a cache by digest."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.errors import PreflightError, RemoteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provision.rollout.requirements import Package

_EPOCH = "1580601600"  # 2020-02-02, hatchling's own when none is given
_PIP_SECONDS = 3600
_TOLD_LINES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Pip:
    """pip with the person's own configuration: index, proxies and certificates are theirs.

    Attributes:
        constraints: Versions to keep to; None leaves them to the resolver.
    """

    constraints: Path | None

    def wheel_of(self, source: Path, folder: Path) -> Path:
        """Build qinfra's wheel from its source, the same bytes for the same source.

        Raises:
            PreflightError: There is no pip.
            RemoteError: The build failed; says pip's last lines.
        """
        environment = {"SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", _EPOCH)}
        if self.constraints:
            environment["PIP_BUILD_CONSTRAINT"] = str(self.constraints)
        _pip(
            ("wheel", "--no-deps", "--wheel-dir", str(folder), str(source)),
            what=f"{source}: no wheel can be built of it",
            environment=environment,
        )
        return next(folder.glob("*.whl"))

    def resolved(self, wheel: Path, extra: str) -> dict[str, Any]:
        """Return pip's report of what qinfra with an extra installs; downloads little.

        Raises:
            PreflightError: There is no pip.
            RemoteError: No set of versions fits, or an index cannot be asked.
        """
        constrained = ("--constraint", str(self.constraints)) if self.constraints else ()
        with tempfile.TemporaryDirectory(prefix="qinfra-") as folder:
            report = Path(folder) / "report.json"
            _pip(
                (
                    *("install", "--dry-run", "--ignore-installed", "--only-binary", ":all:"),
                    *("--report", str(report), *constrained, f"{wheel}[{extra}]"),
                ),
                what=f"qinfra[{extra}]: cannot be resolved",
            )
            found: dict[str, Any] = json.loads(report.read_bytes())
        return found

    def fetch(self, packages: Sequence[Package]) -> dict[str, Path]:
        """Return the wheels' files by name, from the cache and, what it lacks, from the index.

        Raises:
            PreflightError: There is no pip.
            RemoteError: One cannot be had, or is not the one that was resolved.
        """
        from provision.rollout.requirements import locked

        cache = cache_folder()
        lacking = [package for package in packages if not _sound(cache, package)]
        if lacking:
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache, prefix=".new-") as folder:
                wanted = Path(folder) / "requirements.txt"
                wanted.write_text(locked(lacking), encoding="utf-8")
                _pip(
                    (
                        *("download", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
                        *("--dest", folder, "--requirement", str(wanted)),
                    ),
                    what=f"{len(lacking)} wheels: cannot be downloaded",
                )
                for package in lacking:
                    _keep(Path(folder) / package.wheel, cache, package)
        return {package.wheel: _place(cache, package) for package in packages}


def cache_folder() -> Path:
    """Return where wheels are kept between builds, each in a folder named by its digest."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "qinfra" / "wheels"


def sha256_of(path: Path) -> str:
    """Return a file's digest in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _place(cache: Path, package: Package) -> Path:
    return cache / package.sha256 / package.wheel


def _sound(cache: Path, package: Package) -> bool:
    place = _place(cache, package)
    return place.is_file() and sha256_of(place) == package.sha256


def _keep(found: Path, cache: Path, package: Package) -> None:
    if not found.is_file() or sha256_of(found) != package.sha256:
        raise RemoteError(
            f"wheel {package.wheel}: the index gave another file than it had told of",
            hint="Run the command again; if it stays so, the index is not to be trusted.",
        )
    place = _place(cache, package)
    place.parent.mkdir(exist_ok=True)
    shutil.move(found, place)


def _pip(arguments: Sequence[str], *, what: str, environment: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments),
            capture_output=True,
            text=True,
            timeout=_PIP_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PIP_NO_INPUT": "1", **(environment or {})},
        )
    except subprocess.TimeoutExpired as error:
        raise RemoteError(f"{what}: pip took longer than {_PIP_SECONDS} s") from error
    if "No module named pip" in done.stderr:
        raise PreflightError(
            f"{what}: this Python has no pip", hint=f"Run `{sys.executable} -m ensurepip`."
        )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "ERROR" in line]
        reason = "; ".join((errors or done.stderr.splitlines())[-_TOLD_LINES:])
        raise RemoteError(f"{what}: {reason}", hint="See `pip config list`: that index was asked.")
