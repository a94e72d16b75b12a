"""Packages locked by version and digest, as pip's installation report tells them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from infra.errors import ConfigError, PreflightError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LONGEST_LICENCE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One package of a role.

    Attributes:
        name: As normalised by PEP 503.
        wheel: Its file's name; where it was found is not kept.
        expression: Its licence in SPDX's terms; empty when its metadata has none.
        licence: Its licence in its own words; empty when its metadata has none.
    """

    name: str
    version: str
    wheel: str
    sha256: str
    expression: str = ""
    licence: str = ""

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version.replace('+', '%2B')}"


def packages_of(report: Mapping[str, Any]) -> tuple[Package, ...]:
    """Return what a report of `pip install --dry-run` would install, by name.

    Raises:
        PreflightError: A package is no wheel, or the index knows no sha256 of it.
    """
    return tuple(sorted(map(_package, report["install"]), key=lambda package: package.name))


def locked(packages: Iterable[Package]) -> str:
    """Return requirements that `pip install --require-hashes` takes; no index stands in them."""
    return "".join(
        f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n"
        for package in packages
    )


def extra_of(role: str) -> str:
    """Return the extra of qinfra that a role runs with."""
    return "orchestrator" if role == "orchestrator" else "agent"


def _package(item: Mapping[str, Any]) -> Package:
    metadata, download = item["metadata"], item["download_info"]
    name = re.sub(r"[-_.]+", "-", metadata["name"]).lower()
    wheel = unquote(urlsplit(download["url"]).path).rpartition("/")[2]
    sha256 = download.get("archive_info", {}).get("hashes", {}).get("sha256", "")
    if not wheel.endswith(".whl"):
        raise PreflightError(
            f"package {name} {metadata['version']}: {wheel} is no wheel",
            hint="Nodes compile nothing; let constraints name a version that has a wheel.",
        )
    if not sha256:
        raise PreflightError(f"package {name} {metadata['version']}: its index gives no sha256")
    return Package(
        name=name,
        version=metadata["version"],
        wheel=wheel,
        sha256=sha256,
        expression=metadata.get("license_expression") or "",
        licence=_own_words(metadata),
    )


def _own_words(metadata: Mapping[str, Any]) -> str:
    text = (metadata.get("license") or "").strip()
    if text and "\n" not in text and len(text) <= _LONGEST_LICENCE:
        return text
    classified = (
        line.rpartition(" :: ")[2]
        for line in metadata.get("classifier", ())
        if line.startswith("License :: ")
    )
    return ", ".join(sorted(classified))


def agreed(sets: Iterable[tuple[Package, ...]]) -> tuple[Package, ...]:
    """Return the packages of several roles together, by name.

    Raises:
        ConfigError: Two roles were given different versions of one.
    """
    found: dict[str, Package] = {}
    for package in (package for packages in sets for package in packages):
        other = found.setdefault(package.name, package)
        if other != package:
            raise ConfigError(
                f"package {package.name}: roles resolve to {other.version} and {package.version}",
                hint="Pin it in the constraints file.",
            )
    return tuple(found[name] for name in sorted(found))
