"""What AWS answers, and when it does not give what was asked, why not, in words."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from infra.errors import PreflightError, RemoteError
from provision.clouds.reading import installed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

OWNER_TAG = ("managed_by", "qinfra")  # as the stacks tag all that they make
DEPLOYMENT_TAG = "qinfra_deployment"
DENIED = (
    "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedException",
)  # fmt: skip
INVALID = (
    "AuthFailure", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature",
    "InvalidClientTokenId", "InvalidSignatureException", "MissingAuthenticationToken",
    "RequestExpired", "SignatureDoesNotMatch", "UnrecognizedClientException",
)  # fmt: skip
_THROTTLED = (
    "RequestLimitExceeded", "Throttling", "ThrottledException", "ThrottlingException",
    "TooManyRequestsException",
)  # fmt: skip
_LOGIN = "Give AWS_PROFILE or AWS_ACCESS_KEY_ID and its secret; renew with `aws sso login`."
_PAGES_SECONDS = 180.0
_LONGEST = 200  # AWS repeats whole policies
_ENCODED = re.compile(r"\s*Encoded authorization failure message:.*")


@contextmanager
def told(action: str, *, absent: Collection[str] = ()) -> Iterator[None]:
    """Say what went wrong with an action, named as in a policy.

    Args:
        action: As in ec2:DescribeRegions.
        absent: Codes that say for certain that what was asked for is not there.

    Raises:
        PreflightError: It is absent; credentials are missing, expired or invalid; or boto3 is not
            installed.
        RemoteError: It is not allowed, not answered, or the answer makes no sense: nobody knows.
    """
    with installed(action):
        from botocore import exceptions
        from botocore.parsers import ResponseParserError
    try:
        with installed(action):
            yield
    except credentials_missing() as error:
        raise PreflightError(f"{action}: {line(error)}", hint=_LOGIN) from error
    except exceptions.ClientError as error:
        raise _refused(action, error, absent) from error
    except exceptions.BotoCoreError as error:
        hint = "See whether this machine reaches AWS."
        raise RemoteError(f"{action}: {line(error)}", hint=hint) from error
    except ResponseParserError as error:
        raise RemoteError(f"{action}: an answer that makes no sense: {line(error)}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RemoteError(f"{action}: an answer that makes no sense: {error!r}") from error


def at(action: str, region: str) -> str:
    """Return an action with its region, for `told`."""
    return f"{action} in {region}"


def credentials_missing() -> tuple[type[Exception], ...]:
    """Return the errors that say so before AWS was asked at all."""
    from botocore import exceptions

    return (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.ProfileNotFound,
        exceptions.TokenRetrievalError,
        exceptions.SSOError,
    )


def whole_pages(client: Any, operation: str, **request: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - as boto3's
    """Yield pages until the last.

    Raises:
        RemoteError: They do not end in time.
    """
    ends_at = time.monotonic() + _PAGES_SECONDS
    for page in client.get_paginator(operation).paginate(**request):
        yield page
        if time.monotonic() > ends_at:
            raise RemoteError(f"{operation}: took longer than {_PAGES_SECONDS:g} s")


def pages(client: Any, operation: str, key: str, **request: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - as boto3's
    """Yield what a key holds, over all pages; raises as `whole_pages`."""
    for page in whole_pages(client, operation, **request):
        yield from page[key]


def tags_of(thing: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of what an answer describes."""
    return {tag["Key"]: tag["Value"] for tag in thing.get("Tags") or ()}


def line(error: Exception) -> str:
    """Return an error's message in one line, without what only AWS can read."""
    text = _ENCODED.sub("", " ".join(str(error).split()))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _refused(
    action: str,
    error: Any,  # noqa: ANN401 - botocore has no types
    absent: Collection[str],
) -> PreflightError | RemoteError:
    code = error.response.get("Error", {}).get("Code", "")
    if code in INVALID:
        return PreflightError(f"{action}: {line(error)}", hint=_LOGIN)
    if code in absent:
        return PreflightError(
            f"{action}: {line(error)}", hint="Choose another region with --region."
        )
    if code in DENIED:
        return RemoteError(
            f"no permission for {action}", hint=f"Allow {action}, or see to it yourself."
        )
    hint = "Wait a minute, and run it again." if code in _THROTTLED else ""
    return RemoteError(f"{action}: {line(error)}", hint=hint)
