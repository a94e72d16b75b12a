"""Every error of the API is in OpenAI's envelope, with a request id."""

from __future__ import annotations

import asyncio
import json

import pytest

from node_agent.proto import agent_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="session")


def refused(response, status, code, param=None):
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["param"]) == (code, param)
    assert error["message"]
    assert response.headers["x-request-id"]
    return error


BAD_FIELDS = [
    ({"temperature": 2.5}, "invalid_value", "temperature"),
    ({"temperature": "0.5"}, "invalid_value", "temperature"),
    ({"top_p": 0}, "invalid_value", "top_p"),
    ({"top_k": -1}, "invalid_value", "top_k"),
    ({"max_tokens": 0}, "invalid_value", "max_tokens"),
    ({"max_completion_tokens": 1.5}, "invalid_value", "max_completion_tokens"),
    ({"seed": 2**64}, "invalid_value", "seed"),
    ({"stop": ["a", "b", "c", "d", "e"]}, "invalid_value", "stop"),
    ({"stop": ""}, "invalid_value", "stop.0"),
    ({"stream": "yes"}, "invalid_value", "stream"),
    ({"messages": []}, "invalid_value", "messages"),
    ({"messages": None}, "invalid_value", "messages"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "invalid_value", "messages.0.role"),
    ({"messages": [{"role": "user"}]}, "invalid_value", "messages.0.content"),
    (
        {"messages": [{"role": "user", "content": "\ud800"}]},
        "invalid_value",
        "messages.0.content.0.text",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        "invalid_value",
        "messages.0.content.0.type",
    ),
    ({"n": 2}, "unsupported_parameter", "n"),
    ({"tools": [{"type": "function"}]}, "unsupported_parameter", "tools"),
    ({"tool_choice": "required"}, "unsupported_parameter", "tool_choice"),
    ({"functions": [{}]}, "unsupported_parameter", "functions"),
    ({"logprobs": True}, "unsupported_parameter", "logprobs"),
    ({"top_logprobs": 2}, "unsupported_parameter", "top_logprobs"),
    ({"logit_bias": {"1": 5}}, "unsupported_parameter", "logit_bias"),
    ({"response_format": {"type": "json_object"}}, "unsupported_parameter", "response_format"),
    ({"presence_penalty": 0.5}, "unsupported_parameter", "presence_penalty"),
    ({"modalities": ["audio"]}, "unsupported_parameter", "modalities"),
]  # fmt: skip


async def test_a_wrong_field_is_named(lab):
    async with lab.client() as client:
        for fields, code, param in BAD_FIELDS:
            body = json.dumps(lab.question(**fields))
            headers = {"Content-Type": "application/json"}
            response = await client.post("/v1/chat/completions", content=body, headers=headers)
            error = refused(response, 400, code, param)
            assert error["type"] == "invalid_request_error"
            assert error["message"].startswith(param)


async def test_fields_that_change_nothing_are_accepted(lab):
    await lab.pair()
    harmless = {
        "n": 1, "tools": [], "logprobs": False, "response_format": {"type": "text"},
        "presence_penalty": 0.0, "frequency_penalty": 0, "logit_bias": {}, "user": "me",
        "parallel_tool_calls": True, "store": False, "metadata": {"a": "b"}, "stop": None,
        "max_tokens": 10**6, "stream": False, "seed": None,
    }  # fmt: skip
    async with lab.client() as client:
        response = await client.post("/v1/chat/completions", json=lab.question(**harmless))
    assert response.status_code == 200, response.text
    assert isinstance(response.json()["qinfra"]["seed"], int)
    [task] = lab.stages["transformer-1"].assignments
    assert task.output.max_tokens == 256
    assert (task.sampling.temperature, task.sampling.top_p) == (0.7, 0.9)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1,2]", b"\xff\xfe", b"[" * 100_000, b"null"], ids=range(6)
)
async def test_a_body_that_is_no_request_is_a_400(lab, body):
    async with lab.client() as client:
        headers = {"Content-Type": "application/json"}
        response = await client.post("/v1/chat/completions", content=body, headers=headers)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["type"] == "invalid_request_error"


async def test_a_large_body_is_refused_whether_its_length_is_told_or_not(lab):
    async def unannounced():
        for _ in range(40):
            yield b" " * 65536

    async with lab.client() as client:
        told = await client.post("/v1/chat/completions", content=b" " * (2 * 1024 * 1024))
        untold = await client.post(
            "/v1/chat/completions",
            content=unannounced(),
            headers={"Content-Type": "application/json"},
        )
    refused(told, 413, "request_too_large")
    refused(untold, 413, "request_too_large")


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", "Basic sk-test-0123456789"]
)
async def test_without_the_key_nothing_under_v1_answers(lab, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    async with lab.client(headers=headers) as client:
        for path in ("/v1/models", "/v1/cluster", "/v1/nonsense"):
            response = await client.get(path)
            refused(response, 401, "invalid_api_key")
            assert response.headers["www-authenticate"] == "Bearer"
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503


async def test_unknown_paths_methods_and_models_are_named(lab):
    async with lab.client() as client:
        refused(await client.get("/v1/nonsense"), 404, "unknown_url")
        refused(await client.delete("/v1/models"), 405, "method_not_allowed")
        body = lab.question(model="gpt-4")
        refused(
            await client.post("/v1/chat/completions", json=body), 404, "model_not_found", "model"
        )


async def test_the_schema_is_served_but_no_page_that_loads_scripts(lab):
    async with lab.client(headers={}) as client:
        schema = (await client.get("/openapi.json")).json()
        assert "/v1/chat/completions" in schema["paths"]
        refused(await client.get("/docs"), 404, "unknown_url")
        refused(await client.get("/redoc"), 404, "unknown_url")


async def test_without_a_pipeline_the_answer_is_503_and_when_to_retry(lab):
    await lab.stage("embedding-1", (0, 8))
    async with lab.client() as client:
        response = await client.post("/v1/chat/completions", json=lab.question())
        refused(response, 503, "no_pipeline")
        assert int(response.headers["retry-after"]) >= 1
        assert (await client.get("/readyz")).json()["ready"] is False
        await lab.stage("transformer-1", (8, 16))
        assert (await client.get("/readyz")).json() == {"ready": True, "reason": ""}


async def test_a_full_line_is_429_with_retry_after(open_lab, until):
    lab = await open_lab(max_waiting=1)
    first, last = await lab.pair(slots=1)
    last.gate.clear()
    async with lab.client() as client:

        async def ask():
            return await client.post("/v1/chat/completions", json=lab.question())

        running = asyncio.create_task(ask())
        await until(lambda: first.assignments)
        waiting = asyncio.create_task(ask())
        await until(lambda: lab.orchestrator.cluster()["waiting"] == 1)
        assert lab.pipelines[0]["state"] == "full"
        response = await ask()
        error = refused(response, 429, "overloaded")
        assert error["type"] == "rate_limit_error"
        assert int(response.headers["retry-after"]) >= 1
        last.gate.set()
        assert [r.status_code for r in await asyncio.gather(running, waiting)] == [200, 200]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (pb.FAILURE_CONTEXT, 400, "context_length_exceeded"),
        (pb.FAILURE_INVALID, 400, "invalid_request"),
        (pb.FAILURE_INTERNAL, 500, "internal_error"),
        (pb.FAILURE_DEADLINE, 504, "deadline_exceeded"),
    ],
)
async def test_a_failure_of_a_stage_has_its_status(lab, failure, status, code, stream):
    first, _ = await lab.pair()
    first.refusals = [(failure, "300 tokens are more than 256")]
    async with lab.client() as client:
        response = await client.post("/v1/chat/completions", json=lab.question(stream=stream))
    error = refused(response, status, code, "messages" if failure == pb.FAILURE_CONTEXT else None)
    assert ("300 tokens" in error["message"]) == (failure != pb.FAILURE_INTERNAL)
    assert lab.pipelines[0]["active"] == 0


async def test_a_silent_stage_is_a_504_at_the_deadline(open_lab, until):
    lab = await open_lab(request_timeout_seconds=0.3)
    first, last = await lab.pair()
    first.mute = True
    async with lab.client() as client:
        response = await client.post("/v1/chat/completions", json=lab.question())
    refused(response, 504, "deadline_exceeded")
    await until(lambda: first.cancels and last.cancels)


async def test_a_request_id_is_kept_when_it_is_sane(lab):
    async with lab.client() as client:
        kept = await client.get("/v1/models", headers={"X-Request-Id": "abc-1.2_3"})
        made = await client.get("/v1/models", headers={"X-Request-Id": 'a "b"'})
        long = await client.get("/v1/models", headers={"X-Request-Id": "a" * 129})
    assert kept.headers["x-request-id"] == "abc-1.2_3"
    assert len(made.headers["x-request-id"]) == len(long.headers["x-request-id"]) == 32


async def test_a_bug_is_a_500_without_internals(lab, monkeypatch):
    def broken():
        raise RuntimeError("secret detail")

    monkeypatch.setattr(lab.orchestrator, "cluster", broken)
    async with lab.client() as client:
        response = await client.get("/v1/cluster")
    refused(response, 500, "internal_error")
    assert "secret" not in response.text
