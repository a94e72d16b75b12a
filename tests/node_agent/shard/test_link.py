"""Stages over gRPC and mutual TLS: the way of a token, and what breaks it."""

from __future__ import annotations

import random
import time

import grpc
import pytest

from node_agent.proto import agent_pb2 as pb
from tests.node_agent.shard.test_exactness import reference_tokens

PROMPT = random.Random(5).choices(range(3, 256), k=19)


def test_two_stages_over_mutual_tls_answer_exactly(make_checkpoint, stages):
    folder = make_checkpoint("qwen2")
    stages.start(folder, "embedding-1", 0, 2)
    stages.start(folder, "transformer-1", 2, 4)
    first, last = stages.drive("embedding-1"), stages.drive("transformer-1")
    last.assign(output=pb.OutputRules(max_tokens=24, ignore_eos=True))
    assert last.next().accepted.task == 1
    first.assign(next=stages.peer("transformer-1"), prompt=pb.Prompt(token_ids=PROMPT))
    assert first.next().accepted.prompt_tokens == len(PROMPT)
    assert last.tokens() == reference_tokens(folder, PROMPT, 24)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_narrow_activations_cross_the_link_unchanged(dtype, make_checkpoint, stages):
    folder = make_checkpoint("qwen2")
    stages.start(folder, "worker-1", 0, 4, dtype=dtype)
    whole = stages.drive("worker-1")
    whole.assign(prompt=pb.Prompt(token_ids=PROMPT))
    whole.next()
    expected = whole.tokens()
    stages.start(folder, "embedding-1", 0, 1, dtype=dtype)
    stages.start(folder, "transformer-1", 1, 4, dtype=dtype)
    first, last = stages.drive("embedding-1"), stages.drive("transformer-1")
    last.assign()
    last.next()
    first.assign(next=stages.peer("transformer-1"), prompt=pb.Prompt(token_ids=PROMPT))
    assert last.tokens() == expected


def test_a_stage_of_another_dtype_is_not_followed(make_checkpoint, stages):
    folder = make_checkpoint("qwen2")
    stages.start(folder, "embedding-1", 0, 2, dtype="bfloat16")
    stages.start(folder, "transformer-1", 2, 4)
    first = stages.drive("embedding-1")
    first.assign(next=stages.peer("transformer-1"), prompt=pb.Prompt(token_ids=PROMPT))
    first.next()
    assert "dtype" in first.next().failed.detail


def test_three_stages_pass_tokens_back_through_the_middle(make_checkpoint, stages):
    folder = make_checkpoint("llama")
    stages.start(folder, "embedding-1", 0, 1)
    stages.start(folder, "transformer-1", 1, 3)
    stages.start(folder, "transformer-2", 3, 4)
    drivers = [stages.drive(n) for n in ("transformer-2", "transformer-1", "embedding-1")]
    routes = [{}, {"next": stages.peer("transformer-2")}, {"next": stages.peer("transformer-1")}]
    for driver, route in zip(drivers, routes, strict=True):
        prompt = {"prompt": pb.Prompt(token_ids=PROMPT)} if driver is drivers[-1] else {}
        driver.assign(**route, **prompt)
        assert driver.next().HasField("accepted")
    assert drivers[0].tokens() == reference_tokens(folder, PROMPT, 8)


def test_a_worker_holds_the_whole_model_and_renders_the_chat_template(make_checkpoint, stages):
    stages.start(make_checkpoint("qwen3"), "worker-1", 0, 4)
    driver = stages.drive("worker-1")
    message = pb.ChatMessage(role="user", content="quick 狐狸")
    driver.assign(prompt=pb.Prompt(messages=[message]))
    assert driver.next().accepted.prompt_tokens > 8
    assert len(driver.tokens()) == 8


@pytest.mark.parametrize(
    ("assignment", "failure", "reason"),
    [
        ({"prompt": pb.Prompt(token_ids=[3] * 64)}, pb.FAILURE_CONTEXT, "context holds 64"),
        ({"prompt": pb.Prompt()}, pb.FAILURE_INVALID, "empty"),
        ({"prompt": pb.Prompt(token_ids=[9999])}, pb.FAILURE_INVALID, "outside the vocabulary"),
        (
            {"prompt": pb.Prompt(token_ids=[3]), "next": pb.Peer(name="x", address="y")},
            pb.FAILURE_INVALID,
            "route",
        ),
        (
            {"prompt": pb.Prompt(token_ids=[3]), "sampling": pb.Sampling(temperature=-1)},
            pb.FAILURE_INVALID,
            "temperature",
        ),
        (
            {"prompt": pb.Prompt(token_ids=[3]), "sampling": pb.Sampling(top_p=1.5)},
            pb.FAILURE_INVALID,
            "top_p",
        ),
        (
            {"prompt": pb.Prompt(token_ids=[3]), "deadline_seconds": float("nan")},
            pb.FAILURE_INVALID,
            "deadline",
        ),
        (
            {"prompt": pb.Prompt(token_ids=[3]), "deadline_seconds": float("inf")},
            pb.FAILURE_INVALID,
            "deadline",
        ),
        (
            {"prompt": pb.Prompt(token_ids=[3]), "output": pb.OutputRules(stop=["x"] * 99)},
            pb.FAILURE_INVALID,
            "stop strings",
        ),
    ],
    ids=[
        "context",
        "empty",
        "vocabulary",
        "route",
        "temperature",
        "top_p",
        "no deadline",
        "endless deadline",
        "stops",
    ],
)
def test_a_task_that_cannot_be_served_is_refused_and_the_next_is_served(
    assignment, failure, reason, make_checkpoint, stages
):
    stages.start(make_checkpoint("qwen2"), "worker-1", 0, 4, context_tokens=64)
    driver = stages.drive("worker-1")
    driver.assign(**assignment)
    failed = driver.next().failed
    assert failed.failure == failure
    assert reason in failed.detail
    driver.assign(task=2, prompt=pb.Prompt(token_ids=[3, 4]))
    assert driver.next().HasField("accepted")
    assert len(driver.tokens()) == 8


def test_losing_the_next_stage_fails_the_task_and_frees_the_slot(make_checkpoint, stages):
    folder = make_checkpoint("qwen2")
    first_node = stages.start(folder, "embedding-1", 0, 2)
    last_node = stages.start(folder, "transformer-1", 2, 4)
    first, last = stages.drive("embedding-1"), stages.drive("transformer-1")
    endless = pb.OutputRules(max_tokens=100_000, ignore_eos=True)
    last.assign(output=endless)
    first.assign(
        output=endless, next=stages.peer("transformer-1"), prompt=pb.Prompt(token_ids=PROMPT)
    )
    assert first.next().HasField("accepted")
    last.next(), last.next()
    last_node._server.stop(grace=0).wait()
    failed = first.next().failed
    assert failed.failure == pb.FAILURE_PEER_LOST
    _until(lambda: first_node.engine.stats.active == 0)


def test_an_orchestrator_that_goes_away_leaves_no_sequence(make_checkpoint, stages):
    node = stages.start(make_checkpoint("qwen2"), "worker-1", 0, 4)
    driver = stages.drive("worker-1")
    driver.assign(prompt=pb.Prompt(token_ids=PROMPT), output=pb.OutputRules(max_tokens=10_000))
    driver.next()
    driver.close()
    _until(lambda: node.engine.stats.active == 0)


@pytest.mark.parametrize(
    ("first_end", "options", "reason"),
    [(1, {}, "boundary layer"), (2, {"revision": None}, "revision")],
    ids=["gap", "revision"],
)
def test_a_stage_that_does_not_fit_is_not_followed(
    first_end, options, reason, make_checkpoint, stages
):
    folder = make_checkpoint("qwen2")
    other = make_checkpoint("qwen2", rope_theta=5000.0) if options else folder
    stages.start(other, "embedding-1", 0, first_end)
    stages.start(folder, "transformer-1", 2, 4)
    first = stages.drive("embedding-1")
    first.assign(next=stages.peer("transformer-1"), prompt=pb.Prompt(token_ids=PROMPT))
    assert first.next().HasField("accepted")
    failed = first.next().failed
    assert failed.failure == pb.FAILURE_PEER_LOST
    assert reason in failed.detail


def test_a_draining_stage_refuses_new_tasks(make_checkpoint, stages):
    node = stages.start(make_checkpoint("qwen2"), "worker-1", 0, 4)
    driver = stages.drive("worker-1")
    node.drain()
    driver.assign(prompt=pb.Prompt(token_ids=PROMPT))
    failed = driver.next().failed
    assert failed.failure == pb.FAILURE_BUSY  # which the orchestrator takes elsewhere
    assert "drains" in failed.detail


@pytest.mark.parametrize("role", ["embedding", "transformer", "worker", "operator"])
def test_only_an_orchestrator_may_assign(role, make_checkpoint, stages, identity):
    stages.start(make_checkpoint("qwen2"), "worker-1", 0, 4)
    driver = stages.drive("worker-1", identity=identity(f"{role}-9", role))
    with pytest.raises(grpc.RpcError) as refused:
        driver.next()
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_only_stages_may_link(make_checkpoint, stages, identity):
    from node_agent import tls
    from node_agent.proto.agent_pb2_grpc import StageStub

    stages.start(make_checkpoint("qwen2"), "transformer-1", 2, 4)
    who = identity("orchestrator-1", "orchestrator")
    with (
        grpc.secure_channel(
            stages.address("transformer-1"),
            tls.channel_credentials(who),
            options=tls.channel_options("transformer-1"),
        ) as channel,
        pytest.raises(grpc.RpcError) as refused,
    ):
        next(StageStub(channel).Link(iter([pb.LinkDown(hello=pb.LinkHello())])))
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


ROW = bytes(48 * 4)
LIES = {
    "empty": ([1], 2, b""),
    "short": ([1], 2, b"\0" * 7),
    "no rows": ([1], 0, b""),
    "twice": ([1, 1], 1, ROW * 2),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_frame_that_lies_about_its_rows_ends_the_link_not_the_engine(
    lie, make_checkpoint, stages, identity
):
    tasks, rows, payload = LIES[lie]
    from node_agent import tls
    from node_agent.proto.agent_pb2_grpc import StageStub

    node = stages.start(make_checkpoint("qwen2"), "transformer-1", 2, 4)
    who = identity("embedding-1", "embedding")
    hello = pb.LinkHello(
        revision=node._runtime.facts.revision, end_layer=2, hidden=48, dtype=pb.DTYPE_FLOAT32
    )
    segments = [pb.Segment(task=task, epoch=1, rows=rows) for task in tasks]
    bad = pb.PartialResult(segments=segments, payload=payload)
    with grpc.secure_channel(
        stages.address("transformer-1"),
        tls.channel_credentials(who),
        options=tls.channel_options("transformer-1"),
    ) as channel:
        call = StageStub(channel).Link(iter([pb.LinkDown(hello=hello), pb.LinkDown(partial=bad)]))
        with pytest.raises(grpc.RpcError) as refused:
            next(call)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert stages.drive("transformer-1").call.is_active()


def test_nothing_comes_before_the_first_layer(make_checkpoint, stages):
    from node_agent.shard.service import hello_refusal

    node = stages.start(make_checkpoint("qwen2"), "worker-1", 0, 4)
    facts = node._runtime.facts
    hello = pb.LinkHello(
        revision=facts.revision, end_layer=0, hidden=facts.hidden, dtype=pb.DTYPE_FLOAT32
    )
    assert "nothing comes before" in hello_refusal(facts, pb.LinkDown(hello=hello))


def test_a_template_that_breaks_ends_its_request_only(make_checkpoint, stages, monkeypatch):
    node = stages.start(make_checkpoint("qwen2"), "worker-1", 0, 4)
    driver = stages.drive("worker-1")
    text = node._service._text
    monkeypatch.setattr(text._tokenizer, "chat_template", "{{ 1 // 0 }}")
    driver.assign(prompt=pb.Prompt(messages=[pb.ChatMessage(role="user", content="x")]))
    assert driver.next().failed.failure == pb.FAILURE_INTERNAL
    driver.assign(task=2, prompt=pb.Prompt(token_ids=[3, 4]))
    assert driver.next().HasField("accepted")


def _until(condition, seconds=15.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
