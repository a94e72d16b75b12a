"""A bucket for states, whichever cloud has it: what it lacks, and how it gets that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from infra.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable

TAG = {"managed_by": "qinfra"}
OLD_VERSION_DAYS = 90
NEWEST_KEPT = 20  # old versions of a state that stay, however old they are


class Bucket(Protocol):
    """A bucket of a cloud, and the safeguards that states need.

    Attributes:
        url: As in `s3://name`.
        safeguards: Names of all that it should have, in the order in which they are set.

    Raises:
        PreflightError: By every call: credentials are missing, expired or invalid.
        RemoteError: By every call: no permission, no answer, or one that makes no sense.
    """

    @property
    def url(self) -> str:
        """See above."""

    @property
    def safeguards(self) -> tuple[str, ...]:
        """See above."""

    def missing(self) -> tuple[str, ...] | None:
        """Return the safeguards that it lacks; None when there is no such bucket.

        Raises:
            PreflightError: It is somebody else's, or lies elsewhere.
        """

    def create(self) -> None:
        """Make it.

        Raises:
            PreflightError: Somebody else has one of this name.
        """

    def establish(self, safeguard: str) -> None:
        """Set one of the safeguards; all else that is set stays as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What there is of a bucket.

    Attributes:
        missing: Safeguards that it lacks; all, when there is no bucket.
    """

    exists: bool
    safeguards: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing to do."""
        return self.exists and not self.missing


def survey(bucket: Bucket) -> Survey:
    """Return what there is of a bucket; changes nothing.

    Raises:
        PreflightError: It is somebody else's, or lies elsewhere; credentials are missing.
        RemoteError: No permission, or no answer.
    """
    missing = bucket.missing()
    return Survey(
        exists=missing is not None,
        safeguards=bucket.safeguards,
        missing=bucket.safeguards if missing is None else missing,
    )


def bootstrap(bucket: Bucket, found: Survey, say: Callable[[str], object]) -> None:
    """Make what a bucket lacks, and see that it is there.

    Args:
        bucket: Of which `found` was just said.
        found: What there is.
        say: Told of each step.

    Raises:
        PreflightError: As `survey`; or the name was taken in the meantime.
        RemoteError: No permission, no answer, or something is still missing afterwards.
    """
    missing = found.missing
    if not found.exists:
        say(f"making {bucket.url}")
        bucket.create()
        missing = survey(bucket).missing
    for name in missing:
        say(f"{bucket.url}: {name}")
        bucket.establish(name)
    left = survey(bucket).missing
    if left:
        raise RemoteError(
            f"{bucket.url}: has been told, but does not show yet: {', '.join(left)}",
            hint="Run `qinfra backend bootstrap` again in a minute.",
        )
