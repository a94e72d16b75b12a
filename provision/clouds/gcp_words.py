"""What Google answers when it does not give what was asked, in words."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from infra.errors import PreflightError, QinfraError, RemoteError
from provision.clouds.reading import installed

if TYPE_CHECKING:
    from collections.abc import Iterator

API = "compute.googleapis.com"
_LOGIN = (
    "Run `gcloud auth application-default login`, or name a service account's key file in "
    "GOOGLE_APPLICATION_CREDENTIALS."
)
_REACH = "See whether this machine reaches Google Cloud."
_LONGEST = 200
_REQUEST = re.compile(r"^[A-Z]+ https?://\S+: ")  # the client puts its request before the words
_REQUIRED = re.compile(r"Required '([A-Za-z.]+)' permission")
_NO_PROJECT = re.compile(r"The resource 'projects/[^/']+' was not found|Unknown project id")
# Reasons as the JSON API has them, and as ErrorInfo has them.
_DISABLED = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})
_UNPAID = frozenset({"BILLING_DISABLED", "billingNotEnabled"})
_QUOTA = frozenset({"quotaExceeded", "QUOTA_EXCEEDED"})
_RATE = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"})


@contextmanager
def told(permission: str, *, project: str = "", absent: str = "") -> Iterator[None]:
    """Say what went wrong with a call.

    Args:
        permission: What the call needs, as in compute.instances.get.
        project: Id of the project that is asked about.
        absent: What to do when the thing asked for is not there, which is a refusal then.

    Raises:
        PreflightError: Credentials are missing, expired or invalid; the project is not there, has
            not enabled the API or pays nothing; google-cloud-compute is not installed; or the
            thing is absent.
        RemoteError: It is not allowed, not answered, or the answer makes no sense: nobody knows.
    """
    with installed(permission):
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError
        from google.protobuf.json_format import ParseError
        from requests import RequestException
    try:
        with installed(permission):
            yield
    except GoogleAuthError as error:
        raise _unauthenticated(permission, error) from error
    except GoogleAPIError as error:
        cause = getattr(error, "cause", None) or error  # of the last attempt, where time ran out
        raise _refused(permission, cause, project, absent) from error
    except RequestException as error:
        raise _unanswered(permission, error) from error
    except (ParseError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RemoteError(f"{permission}: an answer that makes no sense: {line(error)}") from error


def line(error: object) -> str:
    """Return an error's message in one line, without the request that it answers."""
    text = _REQUEST.sub("", " ".join(str(getattr(error, "message", None) or error).split()))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _unauthenticated(permission: str, error: Any) -> QinfraError:  # noqa: ANN401 - Google's errors have no types here
    from google.auth.exceptions import TimeoutError as Late
    from google.auth.exceptions import TransportError

    if error.retryable or isinstance(error, Late | TransportError):
        return RemoteError(f"{permission}: {line(error)}", hint=_REACH)
    return PreflightError(f"{permission}: {line(error)}", hint=_LOGIN)


def _unanswered(permission: str, error: Exception) -> QinfraError:
    from requests import Timeout

    words = "no answer in time" if isinstance(error, Timeout) else line(error)
    return RemoteError(f"{permission}: {words}", hint=_REACH)


def _refused(
    permission: str,
    error: Any,  # noqa: ANN401
    project: str,
    absent: str,
) -> QinfraError:
    code = getattr(error, "code", None)
    if code == 401:
        return PreflightError(f"{permission}: {line(error)}", hint=_LOGIN)
    if code == 403:
        return _forbidden(permission, error, project)
    if code == 404:
        return _not_found(permission, error, absent)
    if code == 429:
        return _too_often(permission)
    return RemoteError(f"{permission}: {line(error)}")


def _forbidden(permission: str, error: Any, project: str) -> QinfraError:  # noqa: ANN401
    """Return the meaning of 403, which is Google's answer to very different things."""
    reasons = {error.reason, *(each.get("reason") for each in error.errors)}
    text = line(error)
    if "quota project" in str(error):  # a person's credentials that name none: SERVICE_DISABLED too
        return PreflightError(
            f"{permission}: the credentials name no project that requests count against",
            hint=f"Run `gcloud auth application-default set-quota-project {project or 'PROJECT'}`.",
        )
    if reasons & _DISABLED:
        return PreflightError(
            f"the Compute Engine API is not enabled in project {project or 'of the request'}",
            hint=f"Run `gcloud services enable {API} --project {project or 'PROJECT'}`; "
            "it takes minutes.",
        )
    if reasons & _UNPAID or "requires billing to be enabled" in str(error):
        return PreflightError(
            f"project {project} has no billing account",
            hint=f"Run `gcloud billing projects link {project or 'PROJECT'} --billing-account ID`.",
        )
    if reasons & _QUOTA:
        return RemoteError(f"{permission}: {text}", hint="See `qinfra doctor --phase demo`.")
    if reasons & _RATE:
        return _too_often(permission)
    named = _REQUIRED.search(str(error))
    missing = named.group(1) if named else permission
    reason = "" if named else f": {text}"
    return RemoteError(
        f"no permission for {missing}{reason}",
        hint=f"Allow {missing} on project {project or 'PROJECT'}, or see to it yourself.",
    )


def _not_found(permission: str, error: Any, absent: str) -> QinfraError:  # noqa: ANN401
    if _NO_PROJECT.search(str(error)):
        hint = "Export TF_VAR_project with the id of a project, see `gcloud projects list`."
        return PreflightError(f"{permission}: {line(error)}", hint=hint)
    if absent:
        return PreflightError(line(error), hint=absent)
    return RemoteError(f"{permission}: {line(error)}")


def _too_often(permission: str) -> RemoteError:
    return RemoteError(f"{permission}: asked too often", hint="Wait a minute, and run it again.")
