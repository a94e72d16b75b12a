"""A machine's own metadata server, of AWS (IMDSv2) or Google Cloud, without a dependency."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_AWS = "http://169.254.169.254"
_GOOGLE = "http://metadata.google.internal"
_GOOGLE_HEADERS = {"Metadata-Flavor": "Google"}
_TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105 - the name of a header
_TOKEN_SECONDS = 21_600  # the longest that IMDSv2 gives
_ASK_SECONDS = 2.0
_MOST_BYTES = 65_536


class Unanswered(Exception):
    """A server of the cloud gave no answer, or one that cannot be used; says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer; at most 64 KiB of its body."""

    status: int
    body: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request to the root `url` of a server and a path below it."""

    method: Literal["GET", "PUT", "POST"]
    url: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None


def send(request: Request, *, seconds: float = _ASK_SECONDS) -> Answer:
    """Send a request past any proxy, for metadata is not to leave the machine.

    Args:
        request: To http: or https:.
        seconds: Longest wait for the connection, and then for each piece of the answer.

    Raises:
        Unanswered: Nobody answers there, or not in HTTP.
    """
    parts = urlsplit(request.url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=seconds)
    try:
        connection.request(
            request.method, request.path, body=request.body, headers=dict(request.headers)
        )
        response = connection.getresponse()
        body = response.read(_MOST_BYTES).decode("utf-8", "replace")
        headers = {name.lower(): value for name, value in response.getheaders()}
    except (OSError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        raise Unanswered(f"{request.url} gives no answer: {why}") from error
    finally:
        connection.close()
    return Answer(status=response.status, body=body, headers=headers)


class Metadata(Protocol):
    """What this machine can ask about itself."""

    def get(self, path: str) -> str | None:
        """Return the text at a path, None where there is none; raises Unanswered."""


class AwsMetadata:
    """IMDSv2: each question shows a token, which is asked for again when it is refused.

    Args:
        url: Of another server in its place, for tests; empty for AWS's own.
    """

    def __init__(self, url: str = "") -> None:
        self._url = url or _AWS
        self._token = ""

    def get(self, path: str) -> str | None:
        """Return the text at a path, None where there is none.

        Raises:
            Unanswered: No server, no token, or an error of the server.
        """
        answer = self._ask(path) if self._token else None
        if answer is None or answer.status == 401:
            self._token = self._new_token()
            answer = self._ask(path)
        return _text(answer, f"{self._url}{path}")

    def _ask(self, path: str) -> Answer:
        headers = {_TOKEN_HEADER: self._token}
        return send(Request(method="GET", url=self._url, path=path, headers=headers))

    def _new_token(self) -> str:
        path = "/latest/api/token"
        headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_SECONDS)}
        answer = send(Request(method="PUT", url=self._url, path=path, headers=headers))
        token = _text(answer, f"{self._url}{path}") or ""
        if not (token.isascii() and token.isprintable() and token):
            raise Unanswered(f"{self._url}{path} gives no token")
        return token


class GoogleMetadata:
    """Google Cloud's metadata server, which signs its answers with a header.

    Args:
        url: Of another server in its place, for tests; empty for Google's own.
    """

    def __init__(self, url: str = "") -> None:
        self._url = url or _GOOGLE

    def get(self, path: str) -> str | None:
        """Return the text at a path, None where there is none.

        Raises:
            Unanswered: No server, another than Google's, or an error of the server.
        """
        answer = send(Request(method="GET", url=self._url, path=path, headers=_GOOGLE_HEADERS))
        if answer.headers.get("metadata-flavor") != "Google":
            raise Unanswered(f"{self._url}{path}: not Google's metadata server")
        return _text(answer, f"{self._url}{path}")


def _text(answer: Answer, where: str) -> str | None:
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise Unanswered(f"{where} answers {answer.status}")
    return answer.body
