"""AWS Signature Version 4, for requests to the root of a service and without a query.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A key to AWS; with an empty token it is one that does not expire."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where a signature holds."""

    region: str
    service: str


def signed_headers(
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    credentials: Credentials,
    scope: Scope,
    at: datetime,
) -> dict[str, str]:
    """Return a request's headers with its date, its token and its signature.

    Args:
        method: As sent.
        headers: All that are to be signed, `host` among them.
        body: As sent.
        credentials: Of the caller.
        scope: Region and service.
        at: Now, in UTC; AWS refuses what is five minutes off.
    """
    stamp = f"{at:%Y%m%dT%H%M%SZ}"
    signed = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    signed["x-amz-date"] = stamp
    if credentials.token:
        signed["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    canonical = f"{method}\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    where = f"{stamp[:8]}/{scope.region}/{scope.service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"{_ALGORITHM}\n{stamp}\n{where}\n{digest}"
    signature = _hmac(_key(credentials.secret, where), to_sign).hex()
    signed["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.key_id}/{where}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return signed


def _key(secret: str, where: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in where.split("/"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
