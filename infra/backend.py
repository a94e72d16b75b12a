"""Where Terraform keeps the states of deployments: beside their stacks, or in a bucket.

There is one state for each stack of a deployment. What is in a bucket is always locked while it
is written: in S3 by a lock file beside the state, in Cloud Storage without being asked to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from infra.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

STATE_FILE = "terraform.tfstate"
PREFIX = "qinfra"

# No dots: with one, the certificate of S3 does not match, and Cloud Storage wants a domain's proof.
_BUCKETS = {
    "s3": re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"),
    "gcs": re.compile(r"[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]"),
}
_RESERVED = {
    "s3": re.compile(r"xn--.*|sthree-.*|amzn-s3-demo-.*|.*-s3alias|.*--ol-s3|.*--x-s3"),
    "gcs": re.compile(r"goog.*|.*google.*"),
}
_PREFIX = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
_MOST_PREFIX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalBackend:
    """Each state lies in the folder of its stack."""

    kind: ClassVar[str] = "local"

    def block(self, deployment: str, stack: str) -> Mapping[str, Any]:
        """Return the arguments of a stack's `backend` block."""
        del deployment, stack
        return {"path": STATE_FILE}

    def reading(self, deployment: str, stack: str) -> Mapping[str, Any]:
        """Return the `config` with which another stack of the deployment reads a state."""
        del deployment
        return {"path": f"../{stack}/{STATE_FILE}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Backend:
    """States in a bucket of S3, as `<prefix>/<deployment>/<stack>.tfstate`.

    Attributes:
        region: Of the bucket, whatever the regions of what the states hold.

    Raises:
        ConfigError: The bucket, the region or the prefix has no name that S3 would take.
    """

    kind: ClassVar[str] = "s3"
    bucket: str
    region: str
    prefix: str = PREFIX

    def __post_init__(self) -> None:
        _checked(self.kind, self.bucket, self.prefix)
        if not _REGION.fullmatch(self.region):
            raise ConfigError(f"region '{self.region}' is none of AWS's, as in us-east-1")

    def block(self, deployment: str, stack: str) -> Mapping[str, Any]:
        """Return the arguments of a stack's `backend` block."""
        place = self.reading(deployment, stack)
        return {**place, "use_lockfile": True, "encrypt": True}

    def reading(self, deployment: str, stack: str) -> Mapping[str, Any]:
        """Return the `config` with which another stack of the deployment reads a state."""
        key = f"{self.prefix}/{deployment}/{stack}.tfstate"
        return {"bucket": self.bucket, "key": key, "region": self.region}


@dataclass(frozen=True, slots=True, kw_only=True)
class GcsBackend:
    """States in a bucket of Cloud Storage, as `<prefix>/<deployment>/<stack>/default.tfstate`.

    Terraform adds the last part by itself. It locks with a file that can be made only once.

    Attributes:
        region: Where the bucket is made when there is none; Google's own choice when empty.

    Raises:
        ConfigError: The bucket, the region or the prefix has no name that Google would take.
    """

    kind: ClassVar[str] = "gcs"
    bucket: str
    region: str = ""
    prefix: str = PREFIX

    def __post_init__(self) -> None:
        _checked(self.kind, self.bucket, self.prefix)
        if self.region and not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", self.region):
            raise ConfigError(f"region '{self.region}' is none of Google's, as in us-central1")

    def block(self, deployment: str, stack: str) -> Mapping[str, Any]:
        """Return the arguments of a stack's `backend` block."""
        return self.reading(deployment, stack)

    def reading(self, deployment: str, stack: str) -> Mapping[str, Any]:
        """Return the `config` with which another stack of the deployment reads a state."""
        return {"bucket": self.bucket, "prefix": f"{self.prefix}/{deployment}/{stack}"}


Backend: TypeAlias = LocalBackend | S3Backend | GcsBackend

LOCAL = LocalBackend()


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """Where the states of one deployment are.

    Attributes:
        deployment: Its name; of no matter to a local backend.
    """

    backend: Backend
    deployment: str = ""

    @property
    def kind(self) -> str:
        """Terraform's name of the backend."""
        return self.backend.kind

    def block(self, stack: str) -> Mapping[str, Any]:
        """Return the arguments of a stack's `backend` block."""
        return self.backend.block(self.deployment, stack)

    def reading(self, stack: str) -> Mapping[str, Any]:
        """Return the arguments of the `terraform_remote_state` of a stack."""
        return {"backend": self.kind, "config": self.backend.reading(self.deployment, stack)}


LOCAL_STATES = States(backend=LOCAL)


def _checked(kind: str, bucket: str, prefix: str) -> None:
    if not _BUCKETS[kind].fullmatch(bucket):
        letters = "a-z, 0-9 and -" if kind == "s3" else "a-z, 0-9, _ and -"
        raise ConfigError(
            f"bucket '{bucket}': only {letters}, 3 to 63 characters, "
            "a letter or a digit first and last"
        )
    if _RESERVED[kind].fullmatch(bucket):
        raise ConfigError(f"bucket '{bucket}': the cloud keeps such names for itself")
    if not _PREFIX.fullmatch(prefix) or len(prefix) > _MOST_PREFIX:
        raise ConfigError(
            f"prefix '{prefix}': only parts of letters, digits, _ and -, joined by /, "
            f"{_MOST_PREFIX} characters at most"
        )
