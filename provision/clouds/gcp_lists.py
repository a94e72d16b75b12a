"""What a project of Google Cloud has that is ours, by labels or a description in their place."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, TypeVar

from infra.errors import RemoteError
from provision.clouds.gcp_words import told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from provision.clouds.gcp_session import GcpSession

T = TypeVar("T")

DEPLOYMENT_LABEL = "qinfra_deployment"
_OURS = {"managed_by": "qinfra"}
_MARK = re.compile(
    r"managed_by=qinfra qinfra_deployment=(\S+) qinfra_phase=\S+ qinfra_region=(\S+)"
)
_MOST_SECONDS = 60.0


def ours(deployment: str = "") -> dict[str, str]:
    """Return the labels of a deployment's things, or of any deployment's."""
    return {**_OURS, DEPLOYMENT_LABEL: deployment} if deployment else dict(_OURS)


def is_labelled(thing: Any, labels: Mapping[str, str]) -> bool:  # noqa: ANN401 - Google's own
    """Return whether a thing carries labels."""
    return all(thing.labels.get(name) == value for name, value in labels.items())


def marked(thing: Any) -> tuple[str, str] | None:  # noqa: ANN401
    """Return the deployment and region that a thing's description names, None if it is not ours.

    The cloud's networks, routers and firewall rules have no labels.
    """
    mark = _MARK.fullmatch(thing.description)
    return (mark.group(1), mark.group(2)) if mark else None


def aggregated(
    session: GcpSession,
    kind: str,
    region: str = "",
    *,
    labels: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, Any]]:
    """Yield things with their scopes, as `zones/us-central1-b` or `regions/us-central1`.

    Args:
        session: Who asks.
        kind: As in `Instances`.
        region: Only those in it or in its zones; of all regions when empty.
        labels: Asked of the cloud; what it answers is still to be checked against them.
    """
    permission = _permission(kind)
    with told(permission, project=session.project):
        asked = {"project": session.project}
        if labels:
            parts = [f"(labels.{name} = {value})" for name, value in labels.items()]
            asked["filter"] = " AND ".join(parts)
        pager = session.client(kind).aggregated_list(asked, **session.reading())
        for scope, found in _within_time(pager, permission):
            if not region or scope == f"regions/{region}" or scope.startswith(f"zones/{region}-"):
                for each in getattr(found, kind.lower()):
                    yield scope, each


def worldwide(session: GcpSession, kind: str) -> Iterator[Any]:
    """Yield things of a kind that belongs to no region, as of `Networks`."""
    permission = _permission(kind)
    with told(permission, project=session.project):
        pager = session.client(kind).list({"project": session.project}, **session.reading())
        yield from _within_time(pager, permission)


def _permission(kind: str) -> str:
    return f"compute.{kind.lower()}.list"


def _within_time(pages: Iterable[T], permission: str) -> Iterator[T]:
    ends_at = time.monotonic() + _MOST_SECONDS
    for each in pages:
        yield each
        if time.monotonic() > ends_at:
            raise RemoteError(f"{permission}: took longer than {_MOST_SECONDS:g} s")
