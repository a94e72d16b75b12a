"""The orchestrator as a process: signals, ports, memory, and what its log keeps to itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from node_agent import config, tls
from node_agent.errors import AgentError
from node_agent.orchestrator.serve import Orchestrator
from provision.probe import operator_context
from tests.node_agent.metadata_server import ACTION, metadata_server

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(tls.__file__).parents[1]


def toml_of(settings) -> str:
    """Write the configuration as agent.toml."""
    tables = settings.model_dump(mode="json", exclude_none=True, exclude={"orchestrators"})
    lines = []
    for table, values in tables.items():
        lines.append(f"[{table}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(lines)


@contextlib.asynccontextmanager
async def orchestrator_process(lab, tmp_path, **variables):
    """Run `qinfra-agent run` with a lab's configuration, in place of the lab's own."""
    path = tmp_path / "agent.toml"
    path.write_text(toml_of(lab.config))
    argv = (sys.executable, "-P", "-m", "node_agent.cli", "run", "--config", str(path))
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(argv, env=environment, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def answers(client, path, status):
    with contextlib.suppress(httpx.TransportError):
        return (await client.get(path)).status_code == status


async def wait_for(client, path, status):
    async with asyncio.timeout(20):
        while not await answers(client, path, status):
            await asyncio.sleep(0.05)


@pytest.fixture
def imds():
    with metadata_server("aws") as server:
        yield server


def sigterm(process, _):
    process.send_signal(signal.SIGTERM)


def spot_notice(_, imds):
    """Two minutes by a clock that is far off: they count from when they are heard of."""
    imds.pages[ACTION] = '{"action": "stop", "time": "2099-01-01T00:00:00Z"}'


@pytest.mark.parametrize("end", [sigterm, spot_notice])
async def test_a_signal_or_notice_lets_the_running_request_end_and_refuses_new_ones(
    prepare_lab, tmp_path, until, api_key, imds, end
):
    lab = prepare_lab()
    cloud = config.Cloud(notices="aws", metadata_url=imds.url, ask_seconds=0.05)
    lab.config = lab.config.model_copy(update={"cloud": cloud})
    async with orchestrator_process(lab, tmp_path) as process, lab.client() as client:
        await wait_for(client, "/livez", 200)
        worker = await lab.prepare("worker-1", (0, 16))
        await worker.start()
        worker.gate.clear()
        await lab.register(worker)
        await wait_for(client, "/readyz", 200)
        resident = psutil.Process(process.pid).memory_info().rss
        question = lab.question(messages=[{"role": "user", "content": "my secret question"}])
        running = asyncio.create_task(client.post("/v1/chat/completions", json=question))
        await until(lambda: worker.assignments)
        end(process, imds)
        await wait_for(client, "/readyz", 503)
        refused = await client.post("/v1/chat/completions", json=question)
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "draining"
        assert int(refused.headers["retry-after"]) >= 1
        worker.gate.set()
        answer = await running
        assert answer.json()["choices"][0]["message"]["content"] == "Hello, 世界"
        assert await asyncio.to_thread(process.wait, 15) == 0
    assert resident < 200 * 2**20
    log = (tmp_path / "log").read_text()
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert "served" in events
    assert events[-1] == "orchestrator stopped"
    for private in ("secret question", "Hello", "世界", api_key):
        assert private not in log


async def test_requests_that_outlive_the_drain_are_told_so(prepare_lab, until):
    lab = prepare_lab(timing={"drain_seconds": 0.2})
    await lab.start()
    first, last = await lab.pair(slots=1)
    last.gate.clear()
    async with lab.client() as client:
        asked = [
            asyncio.create_task(client.post("/v1/chat/completions", json=lab.question()))
            for _ in range(2)
        ]
        await until(lambda: first.assignments and lab.orchestrator.cluster()["waiting"])
        await lab.orchestrator.drain()
        codes = [answer.json()["error"]["code"] for answer in await asyncio.gather(*asked)]
    assert codes == ["draining", "draining"]
    await until(lambda: first.cancels and last.cancels)


async def test_a_notice_shortens_a_drain_that_is_under_way(prepare_lab, until, imds):
    lab = prepare_lab(timing={"drain_seconds": 600})
    cloud = config.Cloud(notices="aws", metadata_url=imds.url, ask_seconds=0.05)
    lab.config = lab.config.model_copy(update={"cloud": cloud})
    lab.orchestrator = Orchestrator(lab.config)
    await lab.start()
    worker = await lab.stage("worker-1", (0, 16))
    worker.gate.clear()
    async with lab.client() as client:
        asked = asyncio.create_task(client.post("/v1/chat/completions", json=lab.question()))
        await until(lambda: worker.assignments)
        signalled = asyncio.Event()
        signalled.set()
        await lab.orchestrator.serve_until(signalled)
        draining = asyncio.create_task(lab.orchestrator.drain())
        await until(lambda: lab.orchestrator.dispatcher.room.closed)
        imds.pages[ACTION] = '{"action": "terminate", "time": "2020-01-01T00:00:00Z"}'
        await draining
        assert (await asked).json()["error"]["code"] == "draining"


@pytest.mark.parametrize("which", ["gateway", "grpc", "status"])
async def test_a_port_that_is_taken_is_named(prepare_lab, which):
    lab = prepare_lab()
    port = {
        "gateway": lab.config.gateway.port,
        "grpc": lab.config.listen.grpc_port,
        "status": lab.config.listen.status_port,
    }[which]
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(AgentError, match=f"cannot listen on 127.0.0.1:{port}") as caught:
            await lab.start()
        assert "port" in caught.value.hint


async def test_the_status_listener_follows_the_pipelines(lab):
    operator = lab.identity("operator-1", role="operator")
    context = operator_context(lab.tls_of(operator).certificate.parent)
    url = f"https://127.0.0.1:{lab.config.listen.status_port}"
    async with httpx.AsyncClient(base_url=url, verify=context) as client:
        assert (await client.get("/readyz")).status_code == 503
        await lab.stage("worker-1", (0, 16))
        assert (await client.get("/readyz")).status_code == 200
        status = (await client.get("/status")).json()
    assert (status["name"], status["role"]) == ("orchestrator-1", "orchestrator")
    assert (status["pipelines"], status["active"], status["pid"]) == (1, 0, os.getpid())
    cloud = (status["queue_depth_per_slot"], status["metrics"], status["interruption"])
    assert cloud == (0, "none", None)


async def test_the_cluster_view_shows_nodes_and_pipelines(lab):
    first, _ = await lab.pair()
    async with lab.client() as client:
        view = (await client.get("/v1/cluster")).json()
    assert view["model"] == {
        "id": "demo", "revision": "sha256:abc", "layers": 16, "context_tokens": 256,
    }  # fmt: skip
    [pipeline] = view["pipelines"]
    assert pipeline["stages"] == [
        {"name": "embedding-1", "role": "embedding", "layers": [0, 8]},
        {"name": "transformer-1", "role": "transformer", "layers": [8, 16]},
    ]
    assert (pipeline["state"], pipeline["active"], view["waiting"]) == ("ready", 0, 0)
    node = view["nodes"][0]
    assert node["name"] == "embedding-1"
    assert (node["state"], node["generation"], node["slots"]) == ("ready", 1, 4)
    assert node["instance"] == first.instance
    assert 0 < node["lease_seconds_left"] <= 30
    assert node["last_token_age_seconds"] < 0


async def test_the_context_is_put_in_front_unless_the_client_brings_its_own(open_lab):
    lab = await open_lab(context="The network has 676 nodes.")
    worker = await lab.stage("worker-1", (0, 16))
    own = [{"role": "developer", "content": [{"type": "text", "text": "Be brief."}]}]
    async with lab.client() as client:
        await client.post("/v1/chat/completions", json=lab.question())
        await client.post(
            "/v1/chat/completions", json=lab.question(messages=own + lab.question()["messages"])
        )
    said = [[(m.role, m.content) for m in a.prompt.messages] for a in worker.assignments]
    assert said == [
        [("system", "The network has 676 nodes."), ("user", "How many nodes?")],
        [("system", "Be brief."), ("user", "How many nodes?")],
    ]


async def test_the_orchestrator_loads_no_tensors():
    program = (
        "import sys, node_agent.orchestrator.serve;"
        "print(sorted({'torch', 'transformers', 'numpy'} & set(sys.modules)))"
    )
    argv = (sys.executable, "-c", program)
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.strip() == "[]"


async def test_systemd_hears_that_it_serves_lives_and_ends(prepare_lab, tmp_path):
    address = str(tmp_path / "notify")
    variables = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "200000"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(address)
        heard.settimeout(20)
        async with orchestrator_process(prepare_lab(), tmp_path, **variables) as process:
            hear = lambda: asyncio.to_thread(heard.recv, 100)  # noqa: E731
            words = [await hear() for _ in range(4)]
            process.send_signal(signal.SIGTERM)
            while words[-1] != b"STOPPING=1":
                words.append(await hear())
    assert sorted(set(words)) == [b"READY=1", b"STOPPING=1", b"WATCHDOG=1"]
    assert words.count(b"WATCHDOG=1") > 2
