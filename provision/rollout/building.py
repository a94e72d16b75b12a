"""A release's folder: written in one go, and read back with every digest checked."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.errors import ConfigError, PreflightError, RemoteError
from infra.roles import NodeRole
from provision.rollout.release import MANIFEST, SCHEMA_VERSION, Release, ReleaseFile, decoded
from provision.rollout.requirements import agreed, extra_of, locked, packages_of
from provision.rollout.sbom import bill_of_materials
from provision.rollout.units import bootstrap_script, unit_files
from provision.rollout.wheels import Pip, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from provision.rollout.release import ModelReference
    from provision.rollout.requirements import Package

_LARGEST_MANIFEST = 4 * 2**20
ROLES = tuple(str(role) for role in NodeRole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to build.

    Attributes:
        source: Folder of qinfra's pyproject.toml.
        roles: Of the nodes it is for.
        wheelhouse: Whether nodes get the wheels, too.
        constraints: Versions to keep to.
    """

    source: Path
    roles: tuple[str, ...]
    wheelhouse: bool
    constraints: Path | None
    model: ModelReference | None = None


def build(wanted: Wanted, out: Path, tell: Callable[[str], None]) -> Release:
    """Build a release in a folder that is not there yet, or is a release already.

    Args:
        wanted: See there.
        out: Replaced as a whole, at the end.
        tell: Takes a line for each step.

    Raises:
        ConfigError: The source or the folder cannot be used.
        PreflightError: This machine cannot build for nodes.
        RemoteError: pip failed.
    """
    _check(wanted, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        made = Path(folder) / "release"
        made.mkdir(mode=0o755)
        release = _built(wanted, made, tell)
        if out.exists():
            shutil.rmtree(out)
        made.replace(out)
    return release


def read(folder: Path) -> Release:
    """Return the release in a folder, after all its files were compared with its manifest.

    Raises:
        ConfigError: There is no manifest, or it cannot be used.
        RemoteError: A file is missing, changed, or of no release; the first is named.
    """
    from provision.files import read_bounded

    release = decoded(
        read_bounded(folder / MANIFEST, _LARGEST_MANIFEST), source=str(folder / MANIFEST)
    )
    expected = {MANIFEST, *(file.path for file in release.files)}
    for file in release.files:
        place = folder / file.path
        if not place.is_file():
            raise _damaged(f"{place}: is missing")
        if place.stat().st_size != file.size_bytes or sha256_of(place) != file.sha256:
            raise _damaged(f"{place}: is not the file that was released")
    for path in sorted(folder.rglob("*")):
        if not path.is_dir() and path.relative_to(folder).as_posix() not in expected:
            raise _damaged(f"{path}: is not in the manifest")
    return release


def _damaged(message: str) -> RemoteError:
    return RemoteError(message, hint="Build it again: `qinfra release build --out DIR`.")


def _check(wanted: Wanted, out: Path) -> None:
    if sys.platform != "linux":
        raise PreflightError(
            f"a release for Linux cannot be built on {sys.platform}: wheels differ",
            hint="Build it on Linux, or in a container, with the nodes' version of Python.",
        )
    if not (wanted.source / "pyproject.toml").is_file():
        raise ConfigError(
            f"{wanted.source}: no source of qinfra, its wheel cannot be built",
            hint="Run it in a clone, or give --source DIR.",
        )
    if out.exists() and not (out / MANIFEST).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out}: holds something else than a release", hint="Give another --out.")


def _built(wanted: Wanted, folder: Path, tell: Callable[[str], None]) -> Release:
    pip = Pip(constraints=wanted.constraints)
    wheels = folder / "wheels"
    wheels.mkdir()
    tell("building the wheel")
    own = pip.wheel_of(wanted.source, wheels)
    sets = {}
    for extra in sorted({extra_of(role) for role in wanted.roles}):
        tell(f"resolving qinfra[{extra}]")
        sets[extra] = packages_of(pip.resolved(own, extra))
    others = [package for package in agreed(sets.values()) if package.wheel != own.name]
    if wanted.wheelhouse:
        tell(f"collecting {len(others)} wheels")
        for name, path in pip.fetch(others).items():
            shutil.copyfile(path, wheels / name)
    _write(folder, _texts(sets))
    needs = {role: f"requirements/{extra_of(role)}.txt" for role in wanted.roles}
    return _sealed(wanted, folder, needs, sets)


def _texts(sets: dict[str, tuple[Package, ...]]) -> dict[str, str]:
    version = _own_version(sets)
    return {
        "sbom.cdx.json": bill_of_materials(agreed(sets.values()), version=version),
        "bootstrap.sh": bootstrap_script(),
        **unit_files(),
        **{f"requirements/{extra}.txt": locked(packages) for extra, packages in sets.items()},
    }


def _write(folder: Path, texts: dict[str, str]) -> None:
    for path, text in texts.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def _sealed(
    wanted: Wanted, folder: Path, needs: dict[str, str], sets: dict[str, tuple[Package, ...]]
) -> Release:
    contents = {}
    for path in (path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        path.chmod(0o644)
        contents[name] = ReleaseFile(
            path=name,
            sha256=sha256_of(path),
            size_bytes=path.stat().st_size,
            roles=tuple(_roles_of(name, needs, sets)),
        )
    release = Release(
        schema_version=SCHEMA_VERSION,
        requirements=needs,
        files=tuple(contents[path] for path in sorted(contents)),
        version=_own_version(sets),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        platform=f"{sys.platform}-{platform.machine()}",
        wheelhouse=wanted.wheelhouse,
        model=wanted.model,
    )
    (folder / MANIFEST).write_bytes(release.encoded())
    return release


def _own_version(sets: dict[str, tuple[Package, ...]]) -> str:
    return next(p.version for packages in sets.values() for p in packages if p.name == "qinfra")


def _roles_of(
    name: str, needs: dict[str, str], sets: dict[str, tuple[Package, ...]]
) -> Iterable[str]:
    for role, requirements in sorted(needs.items()):
        wheels = {f"wheels/{package.wheel}" for package in sets[extra_of(role)]}
        if name.startswith("requirements/"):
            needed = name == requirements
        else:
            needed = name in wheels or not name.startswith("wheels/")
        if needed:
            yield role
