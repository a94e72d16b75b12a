"""Real stages over real mutual TLS, driven by the test as if it were their orchestrator."""

from __future__ import annotations

import queue
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node_agent import tls

tls.prepare()

import grpc  # noqa: E402 - after prepare

from node_agent.config import Listen, Model, Node, NodeConfig, Peer, Stage, Timing, Tls  # noqa: E402
from node_agent.proto import agent_pb2 as pb  # noqa: E402
from node_agent.proto.agent_pb2_grpc import StageStub  # noqa: E402
from provision import pki  # noqa: E402

DEPLOYMENT = "test"
WAIT_SECONDS = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> pki.Authority:
    return pki.create_authority(tmp_path_factory.mktemp("authority"), DEPLOYMENT)


@pytest.fixture
def identity(authority: pki.Authority, tmp_path: Path) -> Callable[..., Tls]:
    """Issue a node's PEM files; `authority` may be another one."""

    def issue(name: str, role: str, *, by: pki.Authority | None = None, **options: Any) -> Tls:
        by = by or authority
        files = by.issue(
            tmp_path / f"{by.deployment}-{name}-{role}", name=name, role=role, **options
        )
        return Tls(ca=files.ca, certificate=files.certificate, key=files.key)

    return issue


class Driver:
    """An orchestrator's Assign stream to one stage."""

    def __init__(self, address: str, name: str, identity: Tls) -> None:
        self.channel = grpc.secure_channel(
            address, tls.channel_credentials(identity), options=tls.channel_options(name)
        )
        self._outgoing: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.call = StageStub(self.channel).Assign(iter(self._outgoing.get, None))

    def assign(self, **assignment: Any) -> None:
        values = {"task": 1, "epoch": 1, "pipeline": "p", "deadline_seconds": 30, **assignment}
        values.setdefault("output", pb.OutputRules(max_tokens=8, ignore_eos=True))
        self._outgoing.put(pb.OrchestratorMessage(assignment=pb.TaskAssignment(**values)))

    def cancel(self, task: int, epoch: int = 1) -> None:
        self._outgoing.put(pb.OrchestratorMessage(cancel=pb.CancelTask(task=task, epoch=epoch)))

    def next(self) -> pb.StageMessage:
        return next(self.call)

    def tokens(self) -> list[int]:
        """Read to the end of the running task."""
        ids: list[int] = []
        while True:
            message = self.next()
            assert not message.HasField("failed"), message.failed
            ids += message.result.token_ids
            if message.result.finish:
                return ids

    def close(self) -> None:
        self._outgoing.put(None)
        self.call.cancel()
        self.channel.close()


class Stages:
    """Starts stage nodes in this process and drivers to them."""

    def __init__(self, identity: Callable[..., Tls]) -> None:
        self.identity = identity
        self.nodes: dict[str, Any] = {}
        self.drivers: list[Driver] = []

    def start(self, folder: Path, name: str, first: int, end: int, **stage: Any) -> Any:
        from node_agent.shard.checkpoint import inspect_checkpoint
        from node_agent.shard.runtime import load_runtime
        from node_agent.shard.serve import StageNode

        checkpoint = inspect_checkpoint(folder)
        role = name.rsplit("-", 1)[0]
        config = NodeConfig(
            node=Node(name=name, role=role, deployment=DEPLOYMENT),
            listen=Listen(grpc_port=free_port(), status_port=free_port()),
            tls=self.identity(name, role),
            model=Model(
                id="tiny",
                path=folder,
                revision=stage.pop("revision", checkpoint.revision),
                layers=checkpoint.architecture.layers,
                context_tokens=stage.pop("context_tokens", 256),
            ),
            orchestrators=(Peer(name="orchestrator-1", address="127.0.0.1:9"),),
            stage=Stage(first_layer=first, end_layer=end, **stage),
            timing=Timing(heartbeat_seconds=0.2, connect_seconds=1, drain_seconds=2),
        )
        node = StageNode(config, load_runtime(config))
        node.start()
        self.nodes[name] = node
        return node

    def address(self, name: str) -> str:
        return f"127.0.0.1:{self.nodes[name].config.listen.grpc_port}"

    def peer(self, name: str) -> pb.Peer:
        return pb.Peer(name=name, address=self.address(name))

    def drive(self, name: str, *, identity: Tls | None = None) -> Driver:
        driver = Driver(
            self.address(name), name, identity or self.identity("orchestrator-1", "orchestrator")
        )
        self.drivers.append(driver)
        return driver

    def close(self) -> None:
        for driver in self.drivers:
            driver.close()
        for node in self.nodes.values():
            node._memberships[0]._leaving.set()
            node.stop()


@pytest.fixture
def stages(identity: Callable[..., Tls]) -> Iterator[Stages]:
    running = Stages(identity)
    yield running
    running.close()
