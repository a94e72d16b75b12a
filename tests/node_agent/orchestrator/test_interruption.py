"""A spot machine gets its notice while it answers: real processes, a real registry, no failures."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from node_agent import config, tls
from node_agent.orchestrator.serve import Orchestrator
from node_agent.shard.checkpoint import inspect_checkpoint
from provision.probe import operator_context
from templates import render
from tests.node_agent.metadata_server import ACTION, PREEMPTED, metadata_server

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(tls.__file__).parents[1]
CONTEXT_TOKENS = 4096


@pytest.fixture(scope="module")
def checkpoint(make_checkpoint):
    """Long answers, so that a notice finds one under way."""
    folder = make_checkpoint(
        "qwen2", max_position_embeddings=CONTEXT_TOKENS, num_hidden_layers=16, eos_token_id=None
    )
    return inspect_checkpoint(folder)


@contextlib.asynccontextmanager
async def agent(settings, folder):
    """Run `qinfra-agent run`, and kill it at the end if it has not ended itself."""
    folder.mkdir(exist_ok=True)
    path = folder / "agent.toml"
    path.write_text(render("agent.toml.j2", config=settings))
    argv = (sys.executable, "-P", "-m", "node_agent.cli", "run", "--config", str(path))
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(argv, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def events(folder):
    return [json.loads(line) for line in (folder / "log").read_text().splitlines()]


def about(checkpoint, settings):
    """Return a lab's configuration for a checkpoint of real layers."""
    model = config.Model(
        id="demo",
        path=checkpoint.path,
        revision=checkpoint.revision,
        layers=checkpoint.architecture.layers,
        context_tokens=CONTEXT_TOKENS,
    )
    return settings.model_copy(update={"model": model})


@pytest.fixture
def serve_checkpoint(prepare_lab, checkpoint):
    async def serve():
        lab = prepare_lab()
        lab.config = about(checkpoint, lab.config)
        lab.orchestrator = Orchestrator(lab.config)
        await lab.start()
        return lab

    return serve


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def worker_config(lab, cloud):
    listen = config.Listen(grpc_port=free_port(), status_port=free_port())
    orchestrator = config.Peer(
        name="orchestrator-1", address=f"127.0.0.1:{lab.config.listen.grpc_port}"
    )
    return config.NodeConfig(
        node=config.Node(name="worker-1", role="worker", deployment="lab"),
        listen=listen,
        tls=lab.tls_of(lab.identity("worker-1")),
        model=lab.config.model,
        orchestrators=(orchestrator,),
        stage=config.Stage(first_layer=0, end_layer=lab.config.model.layers),
        # No time to drain but what the notice gives.
        timing=config.Timing(heartbeat_seconds=0.2, drain_seconds=0),
        cloud=cloud,
    )


async def spoken(client, question):
    """Yield the pieces of a streamed answer, and fail on anything but its proper end."""
    async with client.stream("POST", "/v1/chat/completions", json=question) as answer:
        assert answer.status_code == 200
        async for line in answer.aiter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                piece = json.loads(line.removeprefix("data: "))
                assert "error" not in piece, piece
                yield piece
        assert line == "" or line == "data: [DONE]"


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
async def test_a_worker_ends_its_answer_withdraws_and_comes_back(
    serve_checkpoint, until, tmp_path, cloud
):
    lab = await serve_checkpoint()
    with metadata_server(cloud) as imds, capture_logs() as orchestrator_says:
        notices = config.Cloud(notices=cloud, metadata_url=imds.url, ask_seconds=0.02)
        settings = worker_config(lab, notices)
        folder = tmp_path / "worker-1"
        async with agent(settings, folder) as process, lab.client() as client:
            await until(lambda: lab.node("worker-1")["state"] == "ready", 60)
            other = await lab.prepare("worker-2", (0, lab.config.model.layers))
            await other.start()
            pieces = spoken(client, lab.question(stream=True, max_tokens=1500))
            said = [await anext(pieces)]
            await lab.register(
                other,
                revision=lab.config.model.revision,
                model_layers=lab.config.model.layers,
                context_tokens=CONTEXT_TOKENS,
            )
            await until(lambda: lab.node("worker-2")["state"] == "ready")
            at = (datetime.now(UTC) + timedelta(minutes=2)).replace(microsecond=0)
            imds.pages |= {
                ACTION: json.dumps({"action": "terminate", "time": at.isoformat()}),
                PREEMPTED: "TRUE",
            }
            status = asyncio.create_task(drained_status(lab, settings))
            await until(lambda: lab.node("worker-1")["state"] == "absent")
            meanwhile = await client.post("/v1/chat/completions", json=lab.question())
            said += [piece async for piece in pieces]
            assert await asyncio.to_thread(process.wait, 30) == 0
        assert meanwhile.status_code == 200
        assert len(other.assignments) == 1
        assert said[-1]["choices"][0]["finish_reason"] == "length"
        shown = await status
        assert shown["interruption"]["action"] == {"aws": "terminate", "gcp": "preempt"}[cloud]
        if cloud == "aws":
            assert datetime.fromisoformat(shown["interruption"]["time"]) == at
        assert (shown["ready"], shown["reason"], shown["active_sequences"]) == (
            False, "draining", 1,
        )  # fmt: skip
        names = [event["event"] for event in events(folder)]
        assert names[-2:] == ["interruption", "draining"]

        left = next(log for log in orchestrator_says if log["event"] == "node left")
        assert left["reason"] == f"interruption: {shown['interruption']['action']}"

        imds.pages[PREEMPTED] = "FALSE"
        del imds.pages[ACTION]
        async with agent(settings, folder):
            await until(lambda: lab.node("worker-1")["state"] == "ready", 60)
            assert lab.node("worker-1")["generation"] == 2


async def drained_status(lab, settings):
    """Ask for /status until it tells of an interruption."""
    operator = lab.tls_of(lab.identity("operator-1", role="operator"))
    context = operator_context(operator.certificate.parent)
    url = f"https://127.0.0.1:{settings.listen.status_port}"
    async with asyncio.timeout(20), httpx.AsyncClient(base_url=url, verify=context) as client:
        while True:
            status = (await client.get("/status")).json()
            if status["interruption"] and status["reason"] == "draining":
                return status
