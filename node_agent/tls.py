"""Mutual TLS 1.3 between agents, and who the peer is.

gRPC's Python API has no option for a minimum version. A P-256 certificate together with a TLS 1.2
suite list that names only an RSA suite leaves a TLS 1.2 client no shared cipher, while the suites
of TLS 1.3 are not affected; a test holds this with `openssl s_client`.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from node_agent.errors import ConfigError, Forbidden

if TYPE_CHECKING:
    from collections.abc import Mapping

    import grpc

    from node_agent.config import Role, Tls

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
# Dead peers are noticed within ten seconds: a ping each 5 s, answered within 2 s, idle or not.
_KEEPALIVE: list[tuple[str, Any]] = [
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
]
SERVER_OPTIONS: list[tuple[str, Any]] = [
    *_KEEPALIVE,
    ("grpc.http2.min_ping_interval_without_data_ms", 4_000),
    ("grpc.so_reuseport", 0),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a certificate says its holder is."""

    deployment: str
    role: str
    name: str

    @classmethod
    def from_uri(cls, uri: str) -> Identity | None:
        """Parse `spiffe://<deployment>/<role>/<name>`; None when the URI has another form."""
        scheme, _, rest = uri.partition("://")
        parts = rest.split("/")
        if scheme != "spiffe" or len(parts) != 3 or not all(parts):
            return None
        return cls(deployment=parts[0], role=parts[1], name=parts[2])


class _Context(Protocol):
    def auth_context(self) -> Mapping[str, list[bytes]]: ...


def prepare() -> None:
    """Leave TLS 1.2 without a cipher and keep stderr to our JSON; call before grpc is imported."""
    os.environ["GRPC_SSL_CIPHER_SUITES"] = "ECDHE-RSA-AES256-GCM-SHA384"
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def server_credentials(tls: Tls) -> grpc.ServerCredentials:
    """Credentials of a gRPC listener that asks every client for a certificate of our CA.

    Raises:
        ConfigError: A PEM file cannot be read.
    """
    import grpc

    ca, certificate, key = _pem(tls)
    return grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=ca, require_client_auth=True
    )


def channel_credentials(tls: Tls) -> grpc.ChannelCredentials:
    """Credentials with which this node calls others.

    Raises:
        ConfigError: A PEM file cannot be read.
    """
    import grpc

    ca, certificate, key = _pem(tls)
    return grpc.ssl_channel_credentials(ca, private_key=key, certificate_chain=certificate)


def channel_options(peer_name: str) -> list[tuple[str, Any]]:
    """Options of a channel to a node: its certificate must carry its name, whatever its address."""
    return [
        *_KEEPALIVE,
        ("grpc.ssl_target_name_override", peer_name),
        ("grpc.enable_retries", 0),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.initial_reconnect_backoff_ms", 100),
    ]


def peer_identity(context: _Context) -> Identity:
    """Read the caller's identity from its certificate.

    Raises:
        Forbidden: The certificate names no identity.
    """
    for value in context.auth_context().get("x509_subject_alternative_name", []):
        identity = Identity.from_uri(value.decode("utf-8", "replace"))
        if identity is not None:
            return identity
    raise Forbidden("the caller's certificate carries no identity")


def allow(context: _Context, deployment: str, *roles: Role) -> Identity:
    """Return the caller's identity when its deployment and role may make this call.

    Raises:
        Forbidden: Another deployment, or a role that may not.
    """
    identity = peer_identity(context)
    if identity.deployment != deployment:
        raise Forbidden(f"{identity.name} belongs to deployment {identity.deployment}")
    if identity.role not in {str(role) for role in roles}:
        raise Forbidden(f"role {identity.role} of {identity.name} may not make this call")
    return identity


def http_server_context(tls: Tls) -> ssl.SSLContext:
    """TLS 1.3 context of an HTTPS listener that asks for a client certificate.

    Raises:
        ConfigError: A PEM file cannot be read.
    """
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tls.ca))
        context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"TLS identity in {tls.certificate.parent}: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _pem(tls: Tls) -> tuple[bytes, bytes, bytes]:
    try:
        return tls.ca.read_bytes(), tls.certificate.read_bytes(), tls.key.read_bytes()
    except OSError as error:
        raise ConfigError(f"TLS identity: {error.filename}: {error.strerror}") from error
