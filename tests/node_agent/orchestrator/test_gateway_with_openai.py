"""The official client against a real gateway and real streams to scripted stages."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import openai
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def openai_client(lab, api_key):
    client = openai.AsyncOpenAI(base_url=f"{lab.url}/v1", api_key=api_key, max_retries=0)
    try:
        yield client
    finally:
        await client.close()


async def test_a_question_is_answered_whole(lab, api_key):
    first, last = await lab.pair()
    async with openai_client(lab, api_key) as client:
        answer = await client.chat.completions.create(**lab.question(seed=11))
    assert answer.choices[0].message.content == "Hello, 世界"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.model_dump(exclude_none=True) == {
        "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10,
    }  # fmt: skip
    qinfra = answer.model_extra["qinfra"]
    assert qinfra["pipeline"] == "orchestrator-1/embedding-1+transformer-1"
    assert qinfra["nodes"] == ["embedding-1", "transformer-1"]
    assert qinfra["seed"] == 11
    assert 0 <= qinfra["queue_ms"] <= qinfra["ttft_ms"]
    assert qinfra["tokens_per_second"] > 0
    assert first.cancels == last.cancels == []


async def test_a_question_is_answered_in_a_stream(lab, api_key):
    await lab.pair()
    async with openai_client(lab, api_key) as client:
        stream = await client.chat.completions.create(
            **lab.question(), stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "Hello, 世界"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 10
    assert chunks[-1].model_extra["qinfra"]["nodes"] == ["embedding-1", "transformer-1"]
    assert len({chunk.id for chunk in chunks}) == 1


async def test_each_stage_is_told_its_part(lab, api_key):
    first, last = await lab.pair()
    async with openai_client(lab, api_key) as client:
        await client.chat.completions.create(
            **lab.question(temperature=0, top_p=0.5, stop=["\n"], max_tokens=9, seed=-1),
            extra_body={"top_k": 3},
        )
    [to_first], [to_last] = first.assignments, last.assignments
    assert to_first.task == to_last.task
    assert to_first.epoch == to_last.epoch > 0
    assert (to_first.next.name, to_first.next.address) == (
        "transformer-1",
        f"127.0.0.1:{last.port}",
    )
    assert to_first.prompt.messages[0].content == "How many nodes?"
    assert not to_first.HasField("sampling")
    assert not to_last.HasField("next")
    assert not to_last.HasField("prompt")
    assert (to_last.sampling.temperature, to_last.sampling.top_p) == (0, 0.5)
    assert (to_last.sampling.top_k, to_last.sampling.seed) == (3, 2**64 - 1)
    assert to_first.output == to_last.output
    assert (to_last.output.max_tokens, list(to_last.output.stop)) == (9, ["\n"])
    assert 0 < to_first.deadline_seconds <= to_last.deadline_seconds <= 20


async def test_a_worker_alone_gets_prompt_and_sampling_at_once(lab, api_key):
    worker = await lab.stage("worker-1", (0, 16))
    async with openai_client(lab, api_key) as client:
        answer = await client.chat.completions.create(**lab.question())
    assert answer.choices[0].message.content == "Hello, 世界"
    [task] = worker.assignments
    assert task.HasField("prompt")
    assert task.HasField("sampling")
    assert not task.HasField("next")


async def test_three_stages_are_one_pipeline(lab, api_key):
    await lab.stage("embedding-1", (0, 5))
    middle = await lab.stage("transformer-1", (5, 10))
    await lab.stage("transformer-2", (10, 16))
    async with openai_client(lab, api_key) as client:
        answer = await client.chat.completions.create(**lab.question())
    assert answer.model_extra["qinfra"]["nodes"] == [
        "embedding-1",
        "transformer-1",
        "transformer-2",
    ]
    [task] = middle.assignments
    assert task.next.name == "transformer-2"


async def test_two_requests_at_once_use_two_pipelines(lab, api_key, until):
    stages = [
        await lab.stage(name, layers)
        for name, layers in (
            ("embedding-1", (0, 8)),
            ("embedding-2", (0, 8)),
            ("transformer-1", (8, 16)),
            ("transformer-2", (8, 16)),
        )
    ]
    for stage in stages:
        stage.gate.clear()
    async with openai_client(lab, api_key) as client:
        asked = [
            asyncio.create_task(client.chat.completions.create(**lab.question())) for _ in range(2)
        ]
        await until(lambda: all(stage.assignments for stage in stages))
        for stage in stages:
            stage.gate.set()
        answers = await asyncio.gather(*asked)
    assert {answer.model_extra["qinfra"]["pipeline"] for answer in answers} == {
        "orchestrator-1/embedding-1+transformer-1",
        "orchestrator-1/embedding-2+transformer-2",
    }


async def test_the_models_list_names_the_one_that_is_served(lab, api_key):
    async with openai_client(lab, api_key) as client:
        models = [model async for model in client.models.list()]
        one = await client.models.retrieve("demo")
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("gpt-4")
    assert [(model.id, model.owned_by) for model in models] == [("demo", "qinfra")]
    assert one.id == "demo"


async def test_an_error_in_mid_stream_reaches_the_client_as_an_error(lab, api_key):
    _, last = await lab.pair()
    last.failure_after_words = (6 + 1, "CUDA says no")
    async with openai_client(lab, api_key) as client:
        stream = await client.chat.completions.create(**lab.question(), stream=True)
        with pytest.raises(openai.APIError, match="The server had an error") as caught:
            async for _ in stream:
                pass
    assert "CUDA" not in str(caught.value)
    assert lab.pipelines[0]["active"] == 0


async def test_a_wrong_key_is_refused(lab):
    async with openai_client(lab, "sk-wrong") as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.models.list()
    assert caught.value.code == "invalid_api_key"
