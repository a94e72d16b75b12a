"""A real orchestrator on loopback, and scripted stages that speak the real protocol to it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from node_agent import config, tls

tls.prepare()

import grpc  # noqa: E402 - TLS 1.2 must be off before the library starts
import httpx  # noqa: E402

from node_agent.config import Role  # noqa: E402
from node_agent.orchestrator.serve import Orchestrator  # noqa: E402
from node_agent.proto import agent_pb2 as pb  # noqa: E402
from node_agent.proto import agent_pb2_grpc as rpc  # noqa: E402
from provision import pki  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

API_KEY = "sk-test-0123456789"
MODEL_ID = "demo"
REVISION = "sha256:abc"
LAYERS = 16
DEPLOYMENT = "lab"
PATIENCE_SECONDS = 10.0

_WIRE_ROLE = {
    "orchestrator": pb.ROLE_ORCHESTRATOR,
    "embedding": pb.ROLE_EMBEDDING,
    "transformer": pb.ROLE_TRANSFORMER,
    "worker": pb.ROLE_WORKER,
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def eventually(condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """Poll until the condition gives something true, and return that."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)
    return result


@dataclass
class Bus:
    """Stands for the links between stages: the first stage's prompt lets the last one speak."""

    prompted: dict[int, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    running: set[int] = field(default_factory=set)
    most_at_once: int = 0

    def prompt(self, task: int) -> None:
        self.running.add(task)
        self.most_at_once = max(self.most_at_once, len(self.running))
        self.prompted[task].set()

    def over(self, task: int) -> None:
        self.running.discard(task)


class ScriptedStage(rpc.StageServicer):
    """A stage that accepts every task and says `words`; what it was told is kept."""

    def __init__(
        self, identity: pki.Identity, name: str, layers: tuple[int, int], bus: Bus
    ) -> None:
        self.name, self.layers, self.bus = name, layers, bus
        self.role = name.rpartition("-")[0]
        self.tls = config.Tls(ca=identity.ca, certificate=identity.certificate, key=identity.key)
        self.serving_tls = self.tls
        self.instance = uuid.uuid4().hex
        self.slots = 4
        self.words = ["Hello", ", ", "世界"]
        self.finish = pb.FINISH_STOP
        self.prompt_tokens = 7
        self.gate = asyncio.Event()
        self.gate.set()
        self.mute = False
        self.refusals: list[tuple[pb.Failure, str]] = []
        self.skip_index = 0
        self.failure_after_words: tuple[pb.Failure, str] | None = None
        self.assignments: list[pb.TaskAssignment] = []
        self.cancels: list[pb.CancelTask] = []
        self.streams = 0
        self._server: grpc.aio.Server | None = None
        self._speaking: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> None:
        self.port = port or free_port()
        self._server = grpc.aio.server(options=tls.SERVER_OPTIONS)
        rpc.add_StageServicer_to_server(self, self._server)
        self._server.add_secure_port(
            f"127.0.0.1:{self.port}", tls.server_credentials(self.serving_tls)
        )
        await self._server.start()

    async def stop(self) -> None:
        for task in tuple(self._speaking):
            task.cancel()
        if self._server:
            await self._server.stop(grace=0)
            self._server = None

    def description(self, **changes: Any) -> pb.NodeDescription:
        values: dict[str, Any] = {
            "name": self.name,
            "role": _WIRE_ROLE[self.role],
            "address": f"127.0.0.1:{self.port}",
            "instance": self.instance,
            "model": MODEL_ID,
            "revision": REVISION,
            "first_layer": self.layers[0],
            "end_layer": self.layers[1],
            "model_layers": LAYERS,
            "slots": self.slots,
            "context_tokens": 256,
            "version": "0.1.0",
        }
        return pb.NodeDescription(**(values | changes))

    def health(self) -> pb.HealthCheck:
        return pb.HealthCheck(
            name=self.name, instance=self.instance, resident_bytes=123, tokens_computed=45
        )

    async def Assign(self, requests: Any, context: Any) -> AsyncIterator[pb.StageMessage]:  # noqa: N802
        tls.allow(context, DEPLOYMENT, Role.ORCHESTRATOR)
        self.streams += 1
        outbox: asyncio.Queue[pb.StageMessage] = asyncio.Queue()
        listening = asyncio.create_task(self._listen(requests, outbox))
        try:
            while True:
                yield await outbox.get()
        finally:
            listening.cancel()

    async def _listen(self, requests: Any, outbox: asyncio.Queue[pb.StageMessage]) -> None:
        with contextlib.suppress(grpc.RpcError, asyncio.CancelledError):
            async for message in requests:
                if message.HasField("cancel"):
                    self.cancels.append(message.cancel)
                    self.bus.over(message.cancel.task)
                else:
                    self._take(message.assignment, outbox)

    def _take(self, task: pb.TaskAssignment, outbox: asyncio.Queue[pb.StageMessage]) -> None:
        self.assignments.append(task)
        which = {"task": task.task, "epoch": task.epoch}
        if self.mute:
            return
        if self.refusals:
            failure, detail = self.refusals.pop(0)
            failed = pb.TaskFailed(**which, failure=failure, detail=detail)
            outbox.put_nowait(pb.StageMessage(failed=failed))
            return
        first = task.HasField("prompt")
        accepted = pb.TaskAccepted(**which, prompt_tokens=self.prompt_tokens if first else 0)
        outbox.put_nowait(pb.StageMessage(accepted=accepted))
        if first:
            self.bus.prompt(task.task)
        if task.HasField("sampling"):
            speaking = asyncio.create_task(self._speak(which, outbox))
            self._speaking.add(speaking)
            speaking.add_done_callback(self._speaking.discard)

    async def _speak(self, which: dict[str, int], outbox: asyncio.Queue[pb.StageMessage]) -> None:
        await self.bus.prompted[which["task"]].wait()
        for index, word in enumerate(self.words):
            shown = index + (self.skip_index if index else 0)
            result = pb.FinalResult(**which, index=shown, token_ids=[100 + index], text=word)
            outbox.put_nowait(pb.StageMessage(result=result))
            await asyncio.sleep(0)
            await self.gate.wait()
        if self.failure_after_words:
            failure, detail = self.failure_after_words
            failed = pb.TaskFailed(**which, failure=failure, detail=detail)
            outbox.put_nowait(pb.StageMessage(failed=failed))
            return
        self.bus.over(which["task"])
        end = pb.FinalResult(**which, index=len(self.words), finish=self.finish)
        outbox.put_nowait(pb.StageMessage(result=end))


class Lab:
    """One deployment on loopback: an orchestrator and the stages a test asks for."""

    def __init__(
        self,
        authority: pki.Authority,
        folder: Path,
        *,
        timing: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.authority, self.folder = authority, folder
        self.bus = Bus()
        self.stages: dict[str, ScriptedStage] = {}
        self.config = self._configuration(settings, timing or {})
        self.orchestrator = Orchestrator(self.config)
        self._heartbeats: dict[str, asyncio.Task[None]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.config.gateway.port}"

    @staticmethod
    def tls_of(identity: pki.Identity) -> config.Tls:
        return config.Tls(ca=identity.ca, certificate=identity.certificate, key=identity.key)

    def identity(self, name: str, role: str = "") -> pki.Identity:
        role = role or name.rpartition("-")[0]
        return self.authority.issue(self.folder / name, name=name, role=role)

    def _configuration(self, settings: dict[str, Any], timing: dict[str, Any]) -> config.NodeConfig:
        identity = self.identity("orchestrator-1")
        gateway = {
            "port": free_port(),
            "api_key_sha256": (hashlib.sha256(API_KEY.encode()).hexdigest(),),
            "request_timeout_seconds": 20,
            "lease_seconds": 30,
        }
        return config.NodeConfig.model_validate(
            {
                "node": {
                    "name": "orchestrator-1", "role": "orchestrator", "deployment": DEPLOYMENT,
                },
                "listen": {"grpc_port": free_port(), "status_port": free_port()},
                "tls": {
                    "ca": identity.ca, "certificate": identity.certificate, "key": identity.key,
                },
                "model": {
                    "id": MODEL_ID, "path": self.folder, "revision": REVISION,
                    "layers": LAYERS, "context_tokens": 256,
                },
                "gateway": gateway | settings,
                "timing": {"drain_seconds": 5, "connect_seconds": 5} | timing,
            }
        )  # fmt: skip

    async def start(self) -> None:
        await self.orchestrator.start()

    async def stop(self) -> None:
        for task in self._heartbeats.values():
            task.cancel()
            await asyncio.wait([task])
        await self.orchestrator.close()
        for stage in self.stages.values():
            await stage.stop()

    async def stage(self, name: str, layers: tuple[int, int], **script: Any) -> ScriptedStage:
        """Start a stage, register it, and wait until the orchestrator can use it."""
        stage = await self.prepare(name, layers, **script)
        await stage.start()
        await self.register(stage)
        await eventually(lambda: stage.streams)
        await eventually(lambda: self.node(name)["state"] == "ready")
        return stage

    async def prepare(self, name: str, layers: tuple[int, int], **script: Any) -> ScriptedStage:
        stage = ScriptedStage(self.identity(name), name, layers, self.bus)
        for key, value in script.items():
            setattr(stage, key, value)
        self.stages[name] = stage
        return stage

    async def pair(self, **script: Any) -> tuple[ScriptedStage, ScriptedStage]:
        """Start the usual two stages."""
        first = await self.stage("embedding-1", (0, 8), **script)
        last = await self.stage("transformer-1", (8, LAYERS), **script)
        return first, last

    def channel(self, tls_config: config.Tls) -> grpc.aio.Channel:
        return grpc.aio.secure_channel(
            f"127.0.0.1:{self.config.listen.grpc_port}",
            tls.channel_credentials(tls_config),
            options=tls.channel_options("orchestrator-1"),
        )

    async def register(self, stage: ScriptedStage, **changes: Any) -> pb.Lease:
        async with self.channel(stage.tls) as channel:
            stub = rpc.RegistryStub(channel)
            return await stub.Register(stage.description(**changes), timeout=5)

    async def heartbeat(self, stage: ScriptedStage) -> pb.Lease | None:
        """Renew a stage's lease; None when it must register again."""
        async with self.channel(stage.tls) as channel:
            try:
                return await rpc.RegistryStub(channel).Heartbeat(stage.health(), timeout=5)
            except grpc.aio.AioRpcError as error:
                if error.code() != grpc.StatusCode.NOT_FOUND:
                    raise
                return None

    async def leave(self, stage: ScriptedStage) -> None:
        async with self.channel(stage.tls) as channel:
            request = pb.LeaveRequest(name=stage.name, instance=stage.instance)
            await rpc.RegistryStub(channel).Leave(request, timeout=5)

    def keep_alive(self, stage: ScriptedStage) -> None:
        """Send a stage's heartbeats until the lab is stopped."""

        async def beat() -> None:
            while await self.heartbeat(stage):
                await asyncio.sleep(self.config.gateway.lease_seconds / 5)

        self._heartbeats[stage.name] = asyncio.create_task(beat())

    def node(self, name: str) -> dict[str, Any]:
        nodes = self.orchestrator.cluster()["nodes"]
        return next((node for node in nodes if node["name"] == name), {"state": "absent"})

    @property
    def pipelines(self) -> list[dict[str, Any]]:
        return self.orchestrator.cluster()["pipelines"]

    def client(self, **settings: Any) -> httpx.AsyncClient:
        settings.setdefault("headers", {"Authorization": f"Bearer {API_KEY}"})
        return httpx.AsyncClient(base_url=self.url, timeout=PATIENCE_SECONDS, **settings)

    @staticmethod
    def question(**fields: Any) -> dict[str, Any]:
        message = {"role": "user", "content": "How many nodes?"}
        return {"model": MODEL_ID, "messages": [message]} | fields


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> pki.Authority:
    return pki.create_authority(tmp_path_factory.mktemp("ca"), DEPLOYMENT)


@pytest_asyncio.fixture(loop_scope="session")
async def prepare_lab(
    authority: pki.Authority, tmp_path: Path
) -> AsyncIterator[Callable[..., Lab]]:
    """Make labs with gateway settings of the test's choice; all are stopped at its end."""
    labs: list[Lab] = []

    def prepare(**settings: Any) -> Lab:
        labs.append(Lab(authority, tmp_path / f"lab-{len(labs)}", **settings))
        return labs[-1]

    yield prepare
    for lab in labs:
        await lab.stop()


@pytest.fixture
def open_lab(prepare_lab: Callable[..., Lab]) -> Callable[..., Any]:
    """Make labs and start them."""

    async def open_with(**settings: Any) -> Lab:
        lab = prepare_lab(**settings)
        await lab.start()
        return lab

    return open_with


@pytest_asyncio.fixture(loop_scope="session")
async def lab(open_lab: Callable[..., Any]) -> Lab:
    return await open_lab()


@pytest.fixture
def until() -> Callable[..., Any]:
    """Poll until a condition holds."""
    return eventually


@pytest.fixture
def api_key() -> str:
    return API_KEY
