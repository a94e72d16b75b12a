"""A release, for people and for scripts."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from provision.report.table import mebibytes, table

if TYPE_CHECKING:
    from provision.rollout.release import Release


def release_document(release: Release) -> dict[str, Any]:
    """Return the manifest with its id and size."""
    return {"id": release.id, "size_bytes": release.size_bytes, **asdict(release)}


def render_release(release: Release) -> str:
    """Return a release as text: what it is, then its files."""
    wheels = "with wheels" if release.wheelhouse else "without wheels: nodes ask their own index"
    rows = [
        (file.path, file.sha256[:12], f"{file.size_bytes:,}", ", ".join(file.roles))
        for file in release.files
    ]
    return "\n".join(
        (
            f"release {release.id}",
            f"qinfra {release.version} for Python {release.python} on {release.platform}, {wheels}",
            f"{len(release.files)} files, {mebibytes(release.size_bytes)}",
            "",
            table(("FILE", "SHA256", "BYTES", "ROLES"), rows),
        )
    )
