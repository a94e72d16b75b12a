"""Who may register, over real mutual TLS."""

from __future__ import annotations

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from node_agent import config
from node_agent.proto import agent_pb2 as pb
from node_agent.proto import agent_pb2_grpc as rpc
from provision import pki

pytestmark = pytest.mark.asyncio(loop_scope="session")


def tls_of(identity):
    return config.Tls(ca=identity.ca, certificate=identity.certificate, key=identity.key)


async def refusal(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details()


def description(**changes):
    values = {
        "name": "embedding-1", "role": pb.ROLE_EMBEDDING, "address": "127.0.0.1:1",
        "instance": "a", "revision": "sha256:abc", "first_layer": 0, "end_layer": 8,
        "model_layers": 16, "slots": 1,
    }  # fmt: skip
    return pb.NodeDescription(**(values | changes))


async def test_a_node_is_told_its_generation_and_its_lease(lab):
    async with lab.channel(tls_of(lab.identity("embedding-1"))) as channel:
        stub = rpc.RegistryStub(channel)
        lease = await stub.Register(description(), timeout=5)
        beat = await stub.Heartbeat(
            pb.HealthCheck(name="embedding-1", instance="a", resident_bytes=9), timeout=5
        )
        assert (lease.generation, lease.ttl_seconds) == (1, 30)
        assert beat == lease
        assert lab.node("embedding-1")["resident_bytes"] == 9
        await stub.Leave(pb.LeaveRequest(name="embedding-1", instance="a"), timeout=5)
    assert lab.node("embedding-1") == {"state": "absent"}


async def test_an_unknown_instance_must_register_again(lab):
    async with lab.channel(tls_of(lab.identity("embedding-1"))) as channel:
        stub = rpc.RegistryStub(channel)
        ghost = pb.HealthCheck(name="embedding-1", instance="ghost")
        code, _ = await refusal(stub.Heartbeat(ghost, timeout=5))
    assert code == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "embedding-2"}, grpc.StatusCode.PERMISSION_DENIED),
        ({"role": pb.ROLE_TRANSFORMER}, grpc.StatusCode.FAILED_PRECONDITION),
        ({"role": pb.ROLE_ORCHESTRATOR}, grpc.StatusCode.FAILED_PRECONDITION),
        ({"revision": "other"}, grpc.StatusCode.FAILED_PRECONDITION),
        ({"end_layer": 99}, grpc.StatusCode.FAILED_PRECONDITION),
    ],
)
async def test_a_node_that_does_not_fit_is_refused(lab, changes, code):
    async with lab.channel(tls_of(lab.identity("embedding-1"))) as channel:
        call = rpc.RegistryStub(channel).Register(description(**changes), timeout=5)
        assert (await refusal(call))[0] == code
    assert lab.orchestrator.cluster()["nodes"] == []


@pytest.mark.parametrize("role", ["operator", "orchestrator"])
async def test_a_role_without_layers_may_not_call_the_registry(lab, role):
    identity = lab.identity("embedding-1", role=role)
    async with lab.channel(tls_of(identity)) as channel:
        stub = rpc.RegistryStub(channel)
        calls = (
            stub.Register(description(), timeout=5),
            stub.Heartbeat(pb.HealthCheck(name="embedding-1"), timeout=5),
            stub.Leave(pb.LeaveRequest(name="embedding-1"), timeout=5),
        )
        for call in calls:
            assert (await refusal(call))[0] == grpc.StatusCode.PERMISSION_DENIED


async def test_another_deployment_of_the_same_authority_may_not_call(lab, authority, tmp_path):
    from dataclasses import replace

    identity = replace(authority, deployment="other").issue(
        tmp_path / "other", name="embedding-1", role="embedding"
    )
    async with lab.channel(tls_of(identity)) as channel:
        call = rpc.RegistryStub(channel).Register(description(), timeout=5)
        assert (await refusal(call))[0] == grpc.StatusCode.PERMISSION_DENIED


async def test_a_foreign_authority_is_not_even_heard(lab, tmp_path):
    foreign = pki.create_authority(tmp_path / "foreign", "lab")
    identity = foreign.issue(tmp_path / "imposter", name="embedding-1", role="embedding")
    own = lab.identity("embedding-1")
    trusting = config.Tls(ca=own.ca, certificate=identity.certificate, key=identity.key)
    async with lab.channel(trusting) as channel:
        call = rpc.RegistryStub(channel).Register(description(), timeout=2)
        code, _ = await refusal(call)
    assert code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
    assert lab.orchestrator.cluster()["nodes"] == []


async def test_health_answers_any_certificate_of_the_deployment(lab):
    async with lab.channel(tls_of(lab.identity("operator-1", role="operator"))) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), timeout=5
        )
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_stage_with_the_certificate_of_another_name_gets_no_stream(lab, until):
    stage = await lab.prepare("embedding-1", (0, 8))
    stage.serving_tls = tls_of(lab.identity("embedding-9"))
    await stage.start()
    await lab.register(stage)
    await until(lambda: lab.node("embedding-1")["state"] == "connecting")
    with pytest.raises(AssertionError, match="in time"):
        await until(lambda: stage.streams, seconds=1.0)
