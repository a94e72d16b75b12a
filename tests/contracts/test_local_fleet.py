"""A local fleet with the embedded model, as a newcomer and as a stranger sees it."""

from __future__ import annotations

import json
import re
import socket
import ssl
import stat
from dataclasses import replace

import openai
import psutil
import pytest

from node_agent.demo.corpus import GUIDE_FIGURES, context_text
from tests.contracts.conftest import until

QUESTION = {
    "zh": "Qubic 網路的當前健康狀況如何？",
    "en": "What is Qubic network's current health status?",
}


@pytest.fixture
def client(fleet):
    key = (fleet.root("demo") / "api.key").read_text().strip()
    inventory = json.loads((fleet.root("demo") / "inventory.json").read_text())
    port = next(n["gateway_port"] for n in inventory["nodes"] if n["gateway_port"])
    with openai.OpenAI(
        base_url=f"http://127.0.0.1:{port}/v1", api_key=key, max_retries=0
    ) as client:
        yield client


def model(client) -> str:
    return client.models.list().data[0].id


def chat(client, *messages, **options):
    answer = client.chat.completions.create(
        model=model(client), messages=list(messages), temperature=0, **options
    )
    return answer.choices[0].message.content


@pytest.mark.parametrize("language", QUESTION)
def test_the_demo_answers_in_the_language_of_the_question_with_the_network_s_figures(
    language, client
):
    answer = chat(client, {"role": "user", "content": QUESTION[language]})
    assert "88.82" in answer
    assert bool(re.search(r"[\u4e00-\u9fff]", answer)) == (language == "zh")


def test_streaming_gives_the_same_text_as_not_streaming(client):
    message = {"role": "user", "content": QUESTION["zh"]}
    chunks = client.chat.completions.create(
        model=model(client),
        messages=[message],
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    pieces, usage = [], None
    for chunk in chunks:
        usage = chunk.usage or usage
        pieces += [c.delta.content or "" for c in chunk.choices]
    assert "".join(pieces) == chat(client, message)
    assert len(pieces) > 3
    assert usage.completion_tokens > 3


def test_changed_figures_change_the_answer(client):
    other = replace(GUIDE_FIGURES, ticks_in_epoch=40_000, empty_ticks=10_000)
    answer = chat(
        client,
        {"role": "system", "content": context_text(other)},
        {"role": "user", "content": QUESTION["en"]},
    )
    assert "75.00" in answer
    assert "88.82" not in answer


def test_a_prompt_beyond_the_context_is_refused_and_the_next_is_served(client):
    with pytest.raises(openai.BadRequestError) as refused:
        chat(client, {"role": "user", "content": "長" * 5000})
    assert refused.value.code == "context_length_exceeded"
    assert "88.82" in chat(client, {"role": "user", "content": QUESTION["en"]})


def test_a_wrong_key_is_refused(client):
    with (
        openai.OpenAI(base_url=client.base_url, api_key="wrong") as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


def test_status_shows_every_node_ready(fleet):
    status = fleet.json("status")
    states = {node["name"]: node["state"] for node in status["nodes"]}
    assert states == dict.fromkeys(("orchestrator-1", "embedding-1", "transformer-1"), "ready")


def test_ask_prints_the_answer_on_stdout_and_its_timings_on_stderr(fleet):
    done = fleet.run("ask", QUESTION["en"])
    assert "88.82" in done.stdout
    assert "tokens/s" in done.stderr
    assert "tokens/s" not in done.stdout


def test_the_layers_are_split_as_the_guide_draws_them(fleet):
    nodes = json.loads((fleet.root("demo") / "inventory.json").read_text())["nodes"]
    assert [n["layers"] for n in nodes] == [None, [0, 8], [8, 16]]


def test_a_second_deploy_has_nothing_to_do(fleet):
    before = {p.pid for p in fleet.processes()}
    done = fleet.run("deploy", "--phase", "demo", "--target", "local")
    assert "nothing to do" in done.stdout
    assert {p.pid for p in fleet.processes()} == before


def test_nothing_but_the_gateway_talks_to_a_client_without_certificate(fleet):
    inventory = json.loads((fleet.root("demo") / "inventory.json").read_text())
    gateways = {n["gateway_port"] for n in inventory["nodes"]} - {None}
    listening = {
        c.laddr.port
        for p in fleet.processes()
        for c in p.net_connections(kind="tcp")
        if c.status == psutil.CONN_LISTEN
    }
    assert listening == gateways | {
        n[kind] for n in inventory["nodes"] for kind in ("grpc_port", "status_port")
    }
    assert not any(_answers_a_stranger(port) for port in listening - gateways)


def _answers_a_stranger(port: int) -> bool:
    """Whether TLS without a client certificate gets as far as an answer."""
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 5) as plain,
            anyone.wrap_socket(plain) as wrapped,
        ):
            wrapped.sendall(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n")
            return b"HTTP" in wrapped.recv(100)
    except OSError:
        return False


def test_no_secret_reaches_logs_argv_or_the_configuration(fleet):
    root = fleet.root("demo")
    key = (root / "api.key").read_text().strip()
    for process in fleet.processes():
        assert key not in " ".join(process.cmdline())
        assert key not in " ".join(process.environ().values())
    for file in [*root.rglob("*.log"), *root.rglob("*.toml"), *root.glob("*.json*")]:
        text = file.read_text(errors="replace")
        assert key not in text, file
        assert "PRIVATE KEY" not in text, file
        assert QUESTION["zh"] not in text, file


def test_only_the_owner_can_read_what_is_secret(fleet):
    root = fleet.root("demo")
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    for secret in [root / "api.key", root / "pki" / "ca.key", *root.rglob("key.pem")]:
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600, secret


def test_a_killed_agent_is_started_again_and_the_fleet_answers(fleet, client):
    victim = fleet.agent("transformer-1")
    victim.kill()
    until(lambda: fleet.agent_pid("transformer-1") not in {None, victim.pid})
    until(lambda: fleet.run("status", check=False).returncode == 0)
    assert "88.82" in chat(client, {"role": "user", "content": QUESTION["en"]})
    status = fleet.json("status")
    restarts = {n["name"]: n["restarts"] for n in status["nodes"]}
    assert restarts["transformer-1"] == 1


def test_a_stage_that_hangs_costs_the_client_its_deadline_and_the_fleet_recovers(fleet, client):
    victim = fleet.agent("embedding-1")
    victim.suspend()
    try:
        with pytest.raises(openai.APITimeoutError):
            chat(client.with_options(timeout=1.0), {"role": "user", "content": QUESTION["en"]})
    finally:
        victim.kill()
    until(lambda: fleet.agent_pid("embedding-1") not in {None, victim.pid})
    until(lambda: fleet.run("status", check=False).returncode == 0)
    assert "88.82" in chat(client, {"role": "user", "content": QUESTION["en"]})
