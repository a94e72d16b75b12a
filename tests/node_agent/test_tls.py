"""Who is let in: real listeners, real certificates, and openssl as the stranger."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import stat
import subprocess
import urllib.error
import urllib.request
from datetime import timedelta

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from node_agent import tls
from node_agent.telemetry.status import Readiness, StatusServer
from provision import pki
from provision.probe import operator_context
from tests.node_agent.conftest import free_port

openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")


@pytest.fixture
def stage(make_checkpoint, stages):
    stages.start(make_checkpoint("qwen2"), "worker-1", 0, 4)
    return stages.address("worker-1")


@pytest.fixture
def status(identity):
    port = free_port()
    server = StatusServer(
        "127.0.0.1",
        port,
        tls.http_server_context(identity("worker-1", "worker")),
        lambda: Readiness(ready=False, reason="loading"),
        lambda: {"name": "worker-1"},
    )
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop()


def check_health(address, identity):
    with grpc.secure_channel(
        address, tls.channel_credentials(identity), options=tls.channel_options("worker-1")
    ) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        return stub.Check(health_pb2.HealthCheckRequest(), timeout=5).status


def s_client(address, version, identity=None):
    argv = ["openssl", "s_client", "-connect", address, version, "-alpn", "h2"]
    if identity:
        argv += ["-cert", str(identity.certificate), "-key", str(identity.key)]
    done = subprocess.run(argv, input=b"", capture_output=True, timeout=20, check=False)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def test_a_certificate_of_the_deployment_is_let_in(stage, identity):
    assert check_health(stage, identity("operator", "operator")) == 1


@openssl
@pytest.mark.parametrize("listener", ["stage", "status"])
def test_tls_1_3_is_spoken_and_tls_1_2_refused(listener, request, identity):
    address = request.getfixturevalue(listener)
    who = identity("operator", "operator")
    code, output = s_client(address, "-tls1_3", who)
    assert code == 0, output
    assert "TLSv1.3" in output
    code, output = s_client(address, "-tls1_2", who)
    assert code != 0
    assert "Cipher is (NONE)" in output


@pytest.mark.parametrize("listener", ["stage", "status"])
def test_a_client_without_certificate_hears_nothing(listener, request):
    host, port = request.getfixturevalue(listener).split(":")
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    anyone.set_alpn_protocols(["h2", "http/1.1"])
    heard = b""
    with (
        contextlib.suppress(ssl.SSLError, ConnectionError),  # the refusal, sooner or later
        socket.create_connection((host, int(port)), timeout=10) as plain,
        anyone.wrap_socket(plain) as wrapped,
    ):
        wrapped.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        heard = wrapped.recv(100)
    assert heard == b""


def test_a_foreign_authority_is_refused_in_both_directions(stage, identity, authority, tmp_path):
    foreign = pki.create_authority(tmp_path / "foreign", "foreign")
    stranger = identity("operator", "operator", by=foreign)
    own = identity("operator", "operator")
    for who in (
        stranger,  # we do not trust the server, nor it us
        stranger.model_copy(update={"ca": own.ca}),  # only the server can refuse
    ):
        with pytest.raises(grpc.RpcError) as refused:
            check_health(stage, who)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def test_an_expired_certificate_is_refused(stage, identity):
    expired = identity("operator", "operator", valid=timedelta(minutes=-10))
    with pytest.raises(grpc.RpcError) as refused:
        check_health(stage, expired)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_node_under_another_name_is_not_talked_to(stage, identity):
    with (
        grpc.secure_channel(
            stage,
            tls.channel_credentials(identity("operator", "operator")),
            options=tls.channel_options("worker-2"),
        ) as channel,
        pytest.raises(grpc.RpcError) as refused,
    ):
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def test_plaintext_is_refused(stage):
    with grpc.insecure_channel(stage) as channel, pytest.raises(grpc.RpcError):
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)


def test_the_status_listener_answers_a_client_with_certificate(status, identity):
    context = operator_context(identity("operator", "operator").certificate.parent)
    with urllib.request.urlopen(f"https://{status}/livez", context=context, timeout=5) as answer:
        assert json.load(answer) == {"alive": True}
    with pytest.raises(urllib.error.HTTPError) as unready:
        urllib.request.urlopen(f"https://{status}/readyz", context=context, timeout=5)
    with unready.value:
        assert unready.value.code == 503
        assert json.load(unready.value) == {"ready": False, "reason": "loading"}


def test_the_status_listener_refuses_a_client_without_certificate(status, identity):
    context = ssl.create_default_context(cafile=str(identity("operator", "operator").ca))
    with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
        urllib.request.urlopen(f"https://{status}/livez", context=context, timeout=5)


def test_a_taken_status_port_is_an_error_not_a_hang(status, identity):
    from node_agent.errors import AgentError

    port = int(status.rsplit(":", 1)[1])
    second = StatusServer(
        "127.0.0.1",
        port,
        tls.http_server_context(identity("worker-1", "worker")),
        lambda: Readiness(ready=True),
        dict,
    )
    with pytest.raises(AgentError, match=str(port)):
        second.start()


def test_private_keys_are_readable_by_their_owner_only(identity, tmp_path):
    who = identity("worker-1", "worker")
    assert stat.S_IMODE(who.key.stat().st_mode) == 0o600
    pki.create_authority(tmp_path / "ca", "x")
    assert stat.S_IMODE((tmp_path / "ca" / "ca.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "uri", ["spiffe://a/b", "spiffe://a/b/c/d", "http://a/b/c", "spiffe:///b/c", ""]
)
def test_an_identity_of_another_form_is_none(uri):
    assert tls.Identity.from_uri(uri) is None
