"""The deployment's own certificate authority: one identity per node and one for the operator.

Keys are P-256, which the agents' TLS 1.3-only listeners rely on. A certificate carries the node's
name (DNS), its addresses (IP) and `spiffe://<deployment>/<role>/<name>` (URI).
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from infra.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

AUTHORITY_DAYS = 3650
LEAF_DAYS = 365  # nothing renews a certificate between two deploys yet
_CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Where a node's PEM files are."""

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Identity:
        """Name the three files an identity's folder holds."""
        return cls(ca=folder / "ca.pem", certificate=folder / "cert.pem", key=folder / "key.pem")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate authority that signs for one deployment."""

    deployment: str
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def issue(
        self,
        folder: Path,
        *,
        name: str,
        role: str,
        addresses: tuple[str, ...] = ("127.0.0.1",),
        valid: timedelta = timedelta(days=LEAF_DAYS),
    ) -> Identity:
        """Make a key and a certificate for a node in `folder`, replacing what was there.

        Args:
            folder: Created with mode 0700 when missing.
            name: The node's name, as peers will verify it.
            role: What the certificate allows; see the agent's TLS module.
            addresses: IP addresses under which the node is reached.
            valid: Life of the certificate; negative makes an expired one, for tests.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_common_name(name))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(now, now + valid) - _CLOCK_SKEW)
            .not_valid_after(now + valid)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_names(self.deployment, role, name, addresses), critical=False)
            .add_extension(_leaf_usage(), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage(
                    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
                ),
                critical=False,
            )
            .add_extension(_authority_key_id(self.key), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        identity = Identity.in_folder(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(identity.key, _key_pem(key), mode=0o600)
        _write(identity.certificate, _certificate_pem(certificate), mode=0o644)
        _write(identity.ca, _certificate_pem(self.certificate), mode=0o644)
        return identity


def create_authority(folder: Path, deployment: str) -> Authority:
    """Make the deployment's CA in `folder` (ca.pem, ca.key with mode 0600)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _common_name("qinfra authority")
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_authority_usage(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder / "ca.key", _key_pem(key), mode=0o600)
    _write(folder / "ca.pem", _certificate_pem(certificate), mode=0o644)
    return Authority(deployment=deployment, certificate=certificate, key=key)


def load_authority(folder: Path, deployment: str) -> Authority:
    """Read the CA that `create_authority` made.

    Raises:
        ConfigError: A file is missing or damaged.
    """
    try:
        certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"certificate authority in {folder}: {error}",
            hint=f"Run `qinfra destroy --name {deployment}` and deploy anew.",
        ) from error
    # With an RSA key the agents' listeners would speak TLS 1.2 again.
    if not (isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1"):
        raise ConfigError(f"certificate authority in {folder}: its key is not on a P-256 curve")
    return Authority(deployment=deployment, certificate=certificate, key=key)


def needs_renewal(certificate: Path, now: datetime) -> bool:
    """Whether less than a third of the certificate's life is left, or it cannot be read."""
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError):
        return True
    life = loaded.not_valid_after_utc - loaded.not_valid_before_utc
    return loaded.not_valid_after_utc - now < life / 3


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _names(
    deployment: str, role: str, name: str, addresses: tuple[str, ...]
) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(
        [
            x509.DNSName(name),
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
            x509.UniformResourceIdentifier(f"spiffe://{deployment}/{role}/{name}"),
        ]
    )


def _authority_usage() -> x509.KeyUsage:
    return _usage(sign_certificates=True)


def _leaf_usage() -> x509.KeyUsage:
    return _usage(sign_certificates=False)


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key_id(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, content: bytes, *, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
