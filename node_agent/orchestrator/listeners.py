"""The orchestrator's two front doors on one event loop: gRPC for nodes, HTTP for clients."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import grpc
import uvicorn
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from node_agent import tls
from node_agent.errors import AgentError
from node_agent.proto import agent_pb2_grpc as rpc

if TYPE_CHECKING:
    from collections.abc import Generator

    from fastapi import FastAPI

    from node_agent.config import Listen, Tls
    from node_agent.orchestrator.registrar import Registrar

_GRACE_SECONDS = 2
_BACKLOG = 512


class RegistryListener:
    """Registry and grpc.health.v1 behind mutual TLS.

    Args:
        listen: Where.
        identity: Whose certificate answers.
        registrar: The Registry service.
    """

    def __init__(self, listen: Listen, identity: Tls, registrar: Registrar) -> None:
        self._address = f"{listen.host}:{listen.grpc_port}"
        self._identity = identity
        self._registrar = registrar
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            AgentError: The address is taken.
        """
        credentials = tls.server_credentials(self._identity)
        self._server = grpc.aio.server(options=tls.SERVER_OPTIONS)
        rpc.add_RegistryServicer_to_server(self._registrar, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        try:
            self._server.add_secure_port(self._address, credentials)
        except RuntimeError as error:
            raise AgentError(
                f"registry: cannot listen on {self._address}",
                hint="Free the port or change listen.grpc_port.",
            ) from error
        await self._server.start()
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)

    async def enter_drain(self) -> None:
        """Tell health checks that this orchestrator is going away."""
        await self._health.enter_graceful_shutdown()

    async def stop(self) -> None:
        """Stop listening, after a moment for calls on the way."""
        if self._server is not None:
            await self._server.stop(grace=_GRACE_SECONDS)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process has one way to drain, not two."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class GatewayListener:
    """The HTTP application on a port.

    Args:
        app: What answers.
        host: Where.
        port: Where.
    """

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )

    def bind(self) -> socket.socket:
        """Take the port.

        Raises:
            AgentError: The address is taken or is not this machine's.
        """
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            return socket.create_server((self._host, self._port), family=family, backlog=_BACKLOG)
        except OSError as error:
            raise AgentError(
                f"gateway: cannot listen on {self._host}:{self._port}: {error.strerror}",
                hint="Free the port or change gateway.port.",
            ) from error

    async def serve(self, bound: socket.socket) -> None:
        """Serve until stopped."""
        await self._server.serve(sockets=[bound])

    def stop(self) -> None:
        """Let `serve` end, after a moment for answers on the way."""
        self._server.should_exit = True
