"""The status listener of every agent: /livez, /readyz and /status behind mutual TLS."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from node_agent.errors import AgentError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from starlette.requests import Request

_START_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether a node takes work, and if not, why."""

    ready: bool
    reason: str = ""


def create_status_app(
    probe: Callable[[], Readiness], details: Callable[[], dict[str, object]]
) -> Starlette:
    """Build the application; `probe` and `details` are called on every request."""

    async def livez(_: Request) -> JSONResponse:
        return JSONResponse({"alive": True})

    async def readyz(_: Request) -> JSONResponse:
        readiness = probe()
        return JSONResponse(
            {"ready": readiness.ready, "reason": readiness.reason},
            status_code=200 if readiness.ready else 503,
        )

    async def status(_: Request) -> JSONResponse:
        readiness = probe()
        return JSONResponse({"ready": readiness.ready, "reason": readiness.reason, **details()})

    return Starlette(
        routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/status", status)]
    )


class StatusServer:
    """Serves the status application in a thread of its own, so that compute never delays it."""

    def __init__(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext,
        probe: Callable[[], Readiness],
        details: Callable[[], dict[str, object]],
    ) -> None:
        self._address = f"{host}:{port}"
        config = uvicorn.Config(
            create_status_app(probe, details),
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        config.load()
        config.ssl = tls
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="status", daemon=True)

    def start(self) -> None:
        """Listen.

        Raises:
            AgentError: The address is taken, or the listener did not come up in time.
        """
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise AgentError(
                    f"status listener: cannot listen on {self._address}",
                    hint="Free the port or change listen.status_port.",
                )
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop listening."""
        self._server.should_exit = True
        self._thread.join(timeout=_START_SECONDS)

    def _serve(self) -> None:
        try:
            self._server.run()
        except SystemExit:  # uvicorn's way to say that it cannot bind
            return
