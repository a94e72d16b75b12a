"""A bucket of Cloud Storage for states, through its JSON API."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.errors import PreflightError, RemoteError
from provision.clouds.bucket import NEWEST_KEPT, OLD_VERSION_DAYS, TAG
from provision.clouds.reading import installed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.backend import GcsBackend

EMULATOR_NAME = "STORAGE_EMULATOR_HOST"
PROJECT_NAME = "GOOGLE_CLOUD_PROJECT"
_BASE = "https://storage.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/devstorage.full_control"
_SECONDS = 20.0
_FORBIDDEN, _NOT_FOUND, _CONFLICT, _UNAUTHORISED = 403, 404, 409, 401
_LOGIN = "Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS."
_LIFECYCLE = "old versions expire"


@dataclass(frozen=True, slots=True)
class GcsBucket:
    """A bucket, asked for with the credentials in force.

    Attributes:
        project: In which it is made; empty when nobody said.
        session: Sends requests, signed.
        base: Of the API.
    """

    backend: GcsBackend
    project: str
    session: Any
    base: str = _BASE

    @classmethod
    def of(cls, backend: GcsBackend, project: str | None = None) -> GcsBucket:
        """Build it; STORAGE_EMULATOR_HOST, where it is set, is asked instead of Google.

        Args:
            backend: The settings'.
            project: GOOGLE_CLOUD_PROJECT's, or the credentials' own, when not given.

        Raises:
            PreflightError: Credentials or a package are missing.
        """
        named = project or os.environ.get(PROJECT_NAME, "")
        emulator = os.environ.get(EMULATOR_NAME)
        with _told(f"gs://{backend.bucket}"):
            from google.auth.transport.requests import AuthorizedSession

            credentials, own = _credentials(anonymous=bool(emulator))
            session = AuthorizedSession(credentials)
        if not emulator:
            return cls(backend, named or own, session)
        base = emulator if "://" in emulator else f"http://{emulator}"
        return cls(backend, named or own, session, base.rstrip("/"))

    @property
    def url(self) -> str:
        """As in `gs://name`."""
        return f"gs://{self.backend.bucket}"

    @property
    def safeguards(self) -> tuple[str, ...]:
        """Names of all that it should have."""
        return (*_SETTINGS, _LIFECYCLE)

    def missing(self) -> tuple[str, ...] | None:
        """Return the safeguards that it lacks; None when there is no such bucket.

        Raises:
            PreflightError: It is another's.
        """
        found = self._found()
        if found is None:
            return None
        lacking = [name for name, wanted in _SETTINGS.items() if not _within(wanted, found)]
        if self._rule not in _rules(found):
            lacking.append(_LIFECYCLE)
        return tuple(lacking)

    def create(self) -> None:
        """Make it, with all its safeguards at once.

        Raises:
            PreflightError: Another has one of this name, or no project was named.
        """
        if not self.project:
            raise PreflightError(
                f"{self.url}: is to be made, but nobody said in which project",
                hint=f"Set {PROJECT_NAME}, or give --project.",
            )
        wanted: dict[str, Any] = {"name": self.backend.bucket, "lifecycle": {"rule": [self._rule]}}
        if self.backend.region:
            wanted["location"] = self.backend.region
        for setting in _SETTINGS.values():
            wanted = _joined(wanted, setting)
        self._ask("POST", "", {_CONFLICT}, params={"project": self.project}, json=wanted)

    def establish(self, safeguard: str) -> None:
        """Set one of the safeguards."""
        if safeguard == _LIFECYCLE:
            rules = [*_rules(self._found() or {}), self._rule]
            wanted: Mapping[str, Any] = {"lifecycle": {"rule": rules}}
        else:
            wanted = _SETTINGS[safeguard]
        self._ask("PATCH", f"/{self.backend.bucket}", {_FORBIDDEN}, json=wanted)

    @property
    def _rule(self) -> Mapping[str, Any]:
        return {
            "action": {"type": "Delete"},
            "condition": {
                "daysSinceNoncurrentTime": OLD_VERSION_DAYS,
                "isLive": False,
                "matchesPrefix": [f"{self.backend.prefix}/"],
                "numNewerVersions": NEWEST_KEPT,
            },
        }

    def _found(self) -> Mapping[str, Any] | None:
        return self._ask("GET", f"/{self.backend.bucket}", {_FORBIDDEN})

    def _ask(
        self,
        method: str,
        path: str,
        foreign: set[int],
        **request: Any,  # noqa: ANN401 - as requests'
    ) -> Mapping[str, Any] | None:
        """Return the bucket's metadata; None when there is no such bucket.

        Args:
            method: Of HTTP.
            path: After the buckets' own.
            foreign: Statuses that say that the bucket is another's.
            request: Parameters and body.
        """
        with _told(self.url):
            answer = self.session.request(
                method, f"{self.base}/storage/v1/b{path}", timeout=_SECONDS, **request
            )
            if answer.status_code == _NOT_FOUND and method == "GET":
                return None
            if answer.status_code in foreign:
                raise PreflightError(
                    f"{self.url}: is another's, or these credentials may not see or change it",
                    hint="Choose another bucket in [state], or allow roles/storage.admin on it.",
                )
            if answer.status_code == _UNAUTHORISED:
                raise PreflightError(f"{self.url}: the credentials are refused", hint=_LOGIN)
            if not answer.ok:
                raise RemoteError(f"{self.url}: {method} answered {_reason(answer)}")
            found: Mapping[str, Any] = answer.json()
            return found


_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "uniform access": {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}},
    "no public access": {"iamConfiguration": {"publicAccessPrevention": "enforced"}},
    "versioning": {"versioning": {"enabled": True}},
    "labels": {"labels": TAG},
}


def _credentials(*, anonymous: bool) -> tuple[Any, str]:
    import google.auth
    from google.auth.credentials import AnonymousCredentials

    if anonymous:
        return AnonymousCredentials(), ""
    credentials, project = google.auth.default(scopes=[_SCOPE])
    return credentials, project or ""


def _within(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Return whether all that is wanted, at whatever depth, is found."""
    return all(
        _within(value, found.get(name, {})) if isinstance(value, dict) else found.get(name) == value
        for name, value in wanted.items()
    )


def _joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return two documents as one."""
    joined = dict(one)
    for name, value in other.items():
        inner = joined.get(name)
        joined[name] = _joined(inner, value) if isinstance(inner, dict) else value
    return joined


def _rules(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(found.get("lifecycle", {}).get("rule", []))


def _reason(answer: Any) -> str:  # noqa: ANN401 - requests has no types
    try:
        message = str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = answer.reason
    return f"{answer.status_code} {' '.join(message.split())}"[:200]


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Say what went wrong in words."""
    with installed(where):
        import requests
        from google.auth import exceptions
    try:
        yield
    except (exceptions.DefaultCredentialsError, exceptions.RefreshError) as error:
        raise PreflightError(f"{where}: {_line(error)}", hint=_LOGIN) from error
    except (exceptions.GoogleAuthError, requests.RequestException) as error:
        raise RemoteError(
            f"{where}: {_line(error)}", hint="See whether this machine reaches Google."
        ) from error
    except (ValueError, AttributeError, TypeError) as error:
        raise RemoteError(f"{where}: an answer that makes no sense: {error!r}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
