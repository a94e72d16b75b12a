"""What a node is given: files, listed with digests by a manifest whose own digest is the id."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

from infra.documents import from_json
from infra.errors import ConfigError
from infra.roles import NodeRole

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@!/-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFile:
    """One file of a release.

    Attributes:
        path: From the release's folder, with slashes.
        sha256: Of its bytes, in hexadecimal.
        roles: Of the nodes that need it.
    """

    path: str
    sha256: str
    size_bytes: int
    roles: tuple[str, ...]

    def __post_init__(self) -> None:
        parts = PurePosixPath(self.path).parts
        if not _PATH.fullmatch(self.path) or ".." in parts or "/".join(parts) != self.path:
            raise ConfigError(f"file {self.path[:80]!r}: is no plain path inside a release")
        if not _SHA256.fullmatch(self.sha256):
            raise ConfigError(f"file {self.path}: its sha256 is not 64 hexadecimal digits")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReference:
    """The checkpoint that nodes of a release serve.

    Attributes:
        id: On the hub, or in the bucket of models.
        revision: Never a moving name.
    """

    id: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A manifest.

    Attributes:
        schema_version: Of this document.
        version: Of qinfra.
        python: Minor version whose interpreter installs it, such as 3.11.
        platform: Operating system and processor, such as linux-x86_64.
        wheelhouse: Whether the wheels are in it; else a node takes them from its own index.
        requirements: Path of the locked requirements, by role.
        model: None when nodes are told elsewhere.
        files: All but the manifest, by path.
    """

    schema_version: int
    version: str
    python: str
    platform: str
    wheelhouse: bool
    requirements: dict[str, str]
    files: tuple[ReleaseFile, ...]
    model: ModelReference | None = None

    def __post_init__(self) -> None:
        if self.schema_version != SCHEMA_VERSION:
            raise ConfigError(
                f"schema version {self.schema_version}: this qinfra reads {SCHEMA_VERSION}",
                hint="Use the version of qinfra that built it.",
            )
        paths = [file.path for file in self.files]
        if paths != sorted(set(paths)) or MANIFEST in paths:
            raise ConfigError("its files are not in order, or one stands twice")
        if missing := sorted(set(self.requirements.values()) - set(paths)):
            raise ConfigError(f"its requirements {missing[0]} are not among its files")
        if not set(self.requirements) <= set(NodeRole):
            raise ConfigError("it has requirements of a role that no agent runs")

    @property
    def id(self) -> str:
        """The manifest's sha256: equal ids, equal bytes of every file."""
        import hashlib

        return hashlib.sha256(self.encoded()).hexdigest()

    @property
    def size_bytes(self) -> int:
        """Of all files, without the manifest."""
        return sum(file.size_bytes for file in self.files)

    def encoded(self) -> bytes:
        """Return the manifest's bytes, the same for the same contents."""
        document = asdict(self)
        return f"{json.dumps(document, indent=1, sort_keys=True)}\n".encode()

    def files_of(self, role: str) -> tuple[ReleaseFile, ...]:
        """Return what a node of a role needs.

        Raises:
            ConfigError: The release is not for that role.
        """
        if role not in self.requirements:
            raise ConfigError(
                f"release {self.id[:12]}: has nothing for role {role}",
                hint=f"Run `qinfra release build --role {role}`.",
            )
        return tuple(file for file in self.files if role in file.roles)


def decoded(text: bytes, *, source: str) -> Release:
    """Return the release of a manifest.

    Raises:
        ConfigError: It is damaged, or of another schema.
    """
    return from_json(Release, text, source=source)
