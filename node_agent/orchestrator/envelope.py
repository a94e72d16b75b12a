"""Errors in OpenAI's envelope: what each one is to a client of the API."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from node_agent.errors import (
    ContextExceeded,
    DeadlineExceeded,
    Fenced,
    PeerLost,
    SlotsExhausted,
    StageFault,
    TaskError,
)
from node_agent.orchestrator.errors import Draining, NoPipeline, Overloaded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_INVALID = "invalid_request_error"
_SERVER = "server_error"
_BUSY_RETRY_SECONDS = 1
_DOWN_RETRY_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiError:
    """What a client is told: an HTTP status and the four fields of OpenAI's envelope."""

    status: int
    message: str
    type: str = _INVALID
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def envelope(self) -> dict[str, Any]:
        """Return the body."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }

    def response(self) -> JSONResponse:
        """Return the whole answer."""
        return JSONResponse(self.envelope(), status_code=self.status, headers=dict(self.headers))


INTERNAL = ApiError(
    status=500, type=_SERVER, code="internal_error", message="The server had an error."
)
INVALID_KEY = ApiError(
    status=401,
    code="invalid_api_key",
    message="The API key is missing or wrong: send it as `Authorization: Bearer <key>`.",
    headers={"WWW-Authenticate": "Bearer"},
)

BODY_LIMIT_BYTES = 1024 * 1024
TOO_LARGE = ApiError(
    status=413,
    code="request_too_large",
    message=f"The body is larger than {BODY_LIMIT_BYTES} bytes.",
)


def unknown_model(name: str, served: str) -> ApiError:
    """Return the error for a model that is not served here."""
    return ApiError(
        status=404,
        param="model",
        code="model_not_found",
        message=f"The model {name[:100]!r} does not exist here; this deployment serves {served!r}.",
    )


def of_http(status: int, headers: Mapping[str, str] | None) -> ApiError:
    """Return the error for a status that the framework decided on."""
    if status == TOO_LARGE.status:
        return TOO_LARGE
    phrase = HTTPStatus(status).phrase
    code = {404: "unknown_url", 405: "method_not_allowed"}.get(status, "invalid_request")
    kind = _SERVER if status >= 500 else _INVALID
    return ApiError(
        status=status, type=kind, code=code, message=f"{phrase}.", headers=headers or {}
    )


def of_validation(errors: Sequence[Mapping[str, Any]]) -> ApiError:
    """Return the error for the first wrong field; what the client sent is not repeated."""
    first = errors[0]
    if first["type"] == "json_invalid":
        return ApiError(status=400, code="invalid_json", message="The body is not valid JSON.")
    path = _path(first["loc"])
    unsupported = first["type"] == "unsupported_parameter"
    return ApiError(
        status=400,
        param=path or None,
        code="unsupported_parameter" if unsupported else "invalid_value",
        message=f"{path or 'body'}: {first['msg']}",
    )


def of_task(error: TaskError) -> ApiError:
    """Return the error for a task that could not be served."""
    match error:
        case Overloaded(retry_after_seconds=seconds):
            return _busy(str(error), seconds)
        case SlotsExhausted():
            return _busy("Every slot is taken.", _BUSY_RETRY_SECONDS)
        case NoPipeline():
            return _down(str(error), "no_pipeline")
        case Draining():
            return _down(str(error), "draining")
        case PeerLost() | Fenced():
            return _down("A stage of the pipeline was lost.", "stage_lost")
        case _:
            return _final(error)


def _final(error: TaskError) -> ApiError:
    match error:
        case DeadlineExceeded():
            return ApiError(
                status=504, type=_SERVER, code="deadline_exceeded", message=_sentence(str(error))
            )
        case StageFault():
            return INTERNAL
        case ContextExceeded():
            return ApiError(
                status=400,
                param="messages",
                code="context_length_exceeded",
                message=_sentence(str(error)),
            )
        case _:
            return ApiError(status=400, code="invalid_request", message=_sentence(str(error)))


def _busy(message: str, retry_seconds: float) -> ApiError:
    return ApiError(
        status=429,
        type="rate_limit_error",
        code="overloaded",
        message=_sentence(message),
        headers={"Retry-After": str(math.ceil(retry_seconds))},
    )


def _down(message: str, code: str) -> ApiError:
    return ApiError(
        status=503,
        type=_SERVER,
        code=code,
        message=_sentence(message),
        headers={"Retry-After": str(_DOWN_RETRY_SECONDS)},
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _path(where: Sequence[str | int]) -> str:
    """Return `messages.0.content` for ("body", "messages", 0, "content", "str")."""
    return ".".join(str(part) for part in where[1:])
