"""The OpenAI-compatible API: the only listener without client certificates."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Protocol

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from node_agent.errors import TaskError
from node_agent.orchestrator import chat, envelope
from node_agent.orchestrator.guard import RequestGuard
from node_agent.orchestrator.responses import Reply
from node_agent.orchestrator.schema import ChatRequest  # noqa: TC001 - FastAPI reads it at run time

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from node_agent.config import Gateway, Model
    from node_agent.orchestrator.tasks import Event, Job
    from node_agent.telemetry.status import Readiness

_SEED_BITS = 32
_random = SystemRandom()


class Service(Protocol):
    """What the gateway needs of the orchestrator behind it."""

    def submit(self, job: Job) -> AsyncGenerator[Event, None]:
        """Run a job; see the dispatcher."""

    def readiness(self) -> Readiness:
        """Whether requests can be served."""

    def cluster(self) -> dict[str, Any]:
        """Describe the fleet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """Where the gateway's time and random values come from."""

    unix_seconds: Callable[[], float] = time.time
    monotonic_seconds: Callable[[], float] = time.monotonic
    new_id: Callable[[], str] = field(default=lambda: uuid.uuid4().hex)
    draw_seed: Callable[[], int] = field(default=lambda: _random.getrandbits(_SEED_BITS))


def create_app(
    service: Service, *, gateway: Gateway, model: Model, chance: Chance | None = None
) -> FastAPI:
    """Build the application.

    Args:
        service: Runs jobs, and knows the fleet.
        gateway: Keys, context and time limit.
        model: The one model that is served.
        chance: Time and randomness; real when absent.
    """
    chance = chance or Chance()
    app = FastAPI(title="qinfra", docs_url=None, redoc_url=None)
    app.add_middleware(
        RequestGuard,
        api_key_sha256=gateway.api_key_sha256,
        new_request_id=chance.new_id,
        clock=chance.monotonic_seconds,
    )
    _answer_errors_in_the_envelope(app)
    _add_probes(app, service)
    _add_catalogue(app, service, model, created=int(chance.unix_seconds()))
    _add_chat(app, service, gateway, model, chance)
    return app


def _add_chat(
    app: FastAPI, service: Service, gateway: Gateway, model: Model, chance: Chance
) -> None:
    @app.post("/v1/chat/completions", response_model=None)
    async def complete(body: ChatRequest, request: Request) -> Response:
        if body.model != model.id:
            return envelope.unknown_model(body.model, model.id).response()
        seeded = body.with_seed(chance.draw_seed)
        reply = Reply(
            id=f"chatcmpl-{chance.new_id()}",
            created=int(chance.unix_seconds()),
            model=model.id,
            seed=seeded.seed or 0,
            with_usage=body.wants_usage,
        )
        job = seeded.to_job(request.state.request_id, gateway, model)
        if body.stream:
            return await chat.stream(service.submit(job), reply, request)
        return await chat.whole(service.submit(job), reply, request)


def _add_catalogue(app: FastAPI, service: Service, model: Model, created: int) -> None:
    card = {"id": model.id, "object": "model", "created": created, "owned_by": "qinfra"}

    @app.get("/v1/models")
    async def models() -> JSONResponse:
        return JSONResponse({"object": "list", "data": [card]})

    @app.get("/v1/models/{name:path}")
    async def one_model(name: str) -> JSONResponse:
        known = name == model.id
        return JSONResponse(card) if known else envelope.unknown_model(name, model.id).response()

    @app.get("/v1/cluster")
    async def cluster() -> JSONResponse:
        return JSONResponse(service.cluster())


def _add_probes(app: FastAPI, service: Service) -> None:
    @app.get("/livez")
    async def livez() -> JSONResponse:
        return JSONResponse({"alive": True})

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        readiness = service.readiness()
        status = 200 if readiness.ready else 503
        return JSONResponse(
            {"ready": readiness.ready, "reason": readiness.reason}, status_code=status
        )


def _answer_errors_in_the_envelope(app: FastAPI) -> None:
    @app.exception_handler(TaskError)
    async def task(request: Request, error: TaskError) -> Response:
        chat.log_failure(error, request.state.request_id)
        return envelope.of_task(error).response()

    @app.exception_handler(RequestValidationError)
    async def validation(_: Request, error: RequestValidationError) -> Response:
        return envelope.of_validation(error.errors()).response()

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        return envelope.of_http(error.status_code, error.headers).response()
