"""The deployment's authority: who a certificate says its holder is, and for how long."""

from __future__ import annotations

import ipaddress
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from infra.errors import ConfigError
from provision import pki


@pytest.fixture
def authority(tmp_path):
    return pki.create_authority(tmp_path / "ca", "demo")


def load(file) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_a_certificate_carries_name_address_and_role(authority, tmp_path):
    identity = authority.issue(
        tmp_path / "node", name="embedding-1", role="embedding", addresses=("10.0.0.7", "::1")
    )
    names = (
        load(identity.certificate)
        .extensions.get_extension_for_class(x509.SubjectAlternativeName)
        .value
    )
    assert names.get_values_for_type(x509.DNSName) == ["embedding-1"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("10.0.0.7"),
        ipaddress.ip_address("::1"),
    ]
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [
        "spiffe://demo/embedding/embedding-1"
    ]


def test_a_verifier_that_trusts_the_authority_accepts_the_node_by_its_name(authority, tmp_path):
    identity = authority.issue(tmp_path / "node", name="worker-1", role="worker")
    store = Store([load(identity.ca)])
    server = PolicyBuilder().store(store).build_server_verifier(x509.DNSName("worker-1"))
    chain = server.verify(load(identity.certificate), [])
    assert len(chain) == 2
    client = PolicyBuilder().store(store).build_client_verifier()
    assert client.verify(load(identity.certificate), []).chain[1] == load(identity.ca)


def test_the_authority_comes_back_from_its_folder_and_signs_on(authority, tmp_path):
    again = pki.load_authority(tmp_path / "ca", "demo")
    assert again.certificate == authority.certificate
    identity = again.issue(tmp_path / "node", name="worker-1", role="worker")
    load(identity.certificate).verify_directly_issued_by(authority.certificate)


def test_every_issue_makes_a_new_key_that_only_its_owner_reads(authority, tmp_path):
    folder = tmp_path / "node"
    first = authority.issue(folder, name="worker-1", role="worker").key.read_bytes()
    second = authority.issue(folder, name="worker-1", role="worker")
    assert second.key.read_bytes() != first
    assert stat.S_IMODE(second.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(p.name for p in folder.iterdir()) == ["ca.pem", "cert.pem", "key.pem"]


@pytest.mark.parametrize(("days", "renew"), [(0, False), (19, False), (21, True), (31, True)])
def test_renewal_is_due_in_the_last_third_of_the_life(days, renew, authority, tmp_path):
    identity = authority.issue(
        tmp_path / "node", name="worker-1", role="worker", valid=timedelta(days=30)
    )
    now = datetime.now(UTC) + timedelta(days=days)
    assert pki.needs_renewal(identity.certificate, now) is renew


def test_a_certificate_that_cannot_be_read_is_to_be_renewed(tmp_path):
    (tmp_path / "cert.pem").write_text("not PEM")
    assert pki.needs_renewal(tmp_path / "cert.pem", datetime.now(UTC))
    assert pki.needs_renewal(tmp_path / "none.pem", datetime.now(UTC))


def test_a_damaged_authority_is_an_error_with_the_next_command(authority, tmp_path):
    (tmp_path / "ca" / "ca.key").write_text("damaged")
    with pytest.raises(ConfigError) as refused:
        pki.load_authority(tmp_path / "ca", "demo")
    assert "qinfra destroy --name demo" in refused.value.hint
