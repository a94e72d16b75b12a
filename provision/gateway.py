"""A client of the gateway: OpenAI's chat completions, streamed."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.errors import ConfigError, QinfraError, RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

_CONNECT_SECONDS = 5.0
_DATA = "data: "
_END = "[DONE]"

Message = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to ask, and how the answer is drawn.

    Args:
        messages: The conversation, as OpenAI's roles and contents.
        max_tokens: Longest answer; None for the gateway's own limit.
        temperature: 0 is greedy.
        seed: For temperatures above 0; None to draw one.
    """

    messages: tuple[Message, ...]
    max_tokens: int | None = None
    temperature: float = 0.0
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer and how long it took.

    Args:
        text: What the model said.
        prompt_tokens: As the gateway counts them.
        completion_tokens: As the gateway counts them.
        first_text_seconds: From sending the question to the first text; None without any.
        seconds: To the end.
        finish: `stop` or `length`.
        nodes: That computed it.
        figures: All that the gateway measured itself.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    first_text_seconds: float | None
    seconds: float
    finish: str
    nodes: tuple[str, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def tokens_per_second(self) -> float | None:
        """Speed after the first token, the gateway's own if it says; None without a second one."""
        if self.first_text_seconds is None or self.completion_tokens < 2:
            return None
        measured = self.figures.get("tokens_per_second")
        if measured is not None:
            return float(measured)
        return (self.completion_tokens - 1) / max(self.seconds - self.first_text_seconds, 1e-9)


class GatewayClient:
    """Talks to one gateway.

    Args:
        base_url: Such as `http://127.0.0.1:8400`.
        api_key: The deployment's.
        timeout_seconds: Longest silence of the gateway.
    """

    def __init__(self, base_url: str, api_key: str, *, timeout_seconds: float = 120.0) -> None:
        import httpx

        self._base_url = base_url
        self._client = httpx.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=httpx.Timeout(timeout_seconds, connect=_CONNECT_SECONDS),
            trust_env=False,
        )

    def __enter__(self) -> GatewayClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def model(self) -> str:
        """Return the id of the model that is served.

        Raises:
            QinfraError: The gateway does not answer, or refuses.
        """
        return str(self._get("/v1/models")["data"][0]["id"])

    def cluster(self) -> dict[str, Any]:
        """Return what the gateway says of its fleet.

        Raises:
            QinfraError: The gateway does not answer, or refuses.
        """
        return self._get("/v1/cluster")

    def ask(self, question: Question, model: str, on_text: Callable[[str], None]) -> Answer:
        """Ask, and hand over each piece of the answer as it comes.

        Raises:
            ConfigError: The question cannot be answered, for example because it is too long.
            RemoteError: The gateway is not there, or the fleet failed.
        """
        import httpx

        sent = time.monotonic()
        try:
            with self._client.stream(
                "POST", "/v1/chat/completions", json=_body(question, model)
            ) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise _refusal(response)
                return _collect(_events(response.iter_lines()), on_text, sent=sent)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _get(self, path: str) -> dict[str, Any]:
        import httpx

        try:
            response = self._client.get(path)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if response.status_code != httpx.codes.OK:
            raise _refusal(response)
        answer: dict[str, Any] = response.json()
        return answer

    def _unreachable(self, error: httpx.HTTPError) -> RemoteError:
        reason = str(error) or type(error).__name__
        return RemoteError(f"gateway {self._base_url}: {reason}", hint="Look at `qinfra status`.")


def _body(question: Question, model: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "messages": list(question.messages),
        "temperature": question.temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if question.max_tokens is not None:
        body["max_tokens"] = question.max_tokens
    if question.seed is not None:
        body["seed"] = question.seed
    return body


def _events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Yield the objects of a stream of server-sent events, up to its end mark."""
    for line in lines:
        if not line.startswith(_DATA):
            continue
        data = line.removeprefix(_DATA)
        if data == _END:
            return
        yield json.loads(data)
    raise RemoteError("the answer broke off", hint="Look at `qinfra logs` and ask again.")


def _collect(
    events: Iterator[dict[str, Any]], on_text: Callable[[str], None], *, sent: float
) -> Answer:
    first: float | None = None
    pieces: list[str] = []
    finish = ""
    usage: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    for event in events:
        if "error" in event:
            raise RemoteError(f"the fleet failed: {event['error'].get('message')}")
        usage = event.get("usage") or usage
        figures = event.get("qinfra") or figures
        for choice in event.get("choices", ()):
            finish = choice.get("finish_reason") or finish
            if text := choice.get("delta", {}).get("content"):
                first = time.monotonic() - sent if first is None else first
                pieces.append(text)
                on_text(text)
    return Answer(
        text="".join(pieces),
        prompt_tokens=int(usage.get("prompt_tokens", 0)),
        completion_tokens=int(usage.get("completion_tokens", 0)),
        first_text_seconds=first,
        seconds=time.monotonic() - sent,
        finish=finish,
        nodes=tuple(figures.get("nodes", ())),
        figures=figures,
    )


def _refusal(response: httpx.Response) -> QinfraError:
    try:
        error = response.json()["error"]
        message, code = str(error["message"]), str(error.get("code"))
    except (ValueError, KeyError, TypeError):
        message, code = f"HTTP status {response.status_code}", ""
    if response.status_code in (401, 403):
        return ConfigError(
            f"the gateway refused the API key: {message}",
            hint="Another deployment may listen there; look at `qinfra status`.",
        )
    if response.status_code < 500 and response.status_code != 429:
        hint = "Ask a shorter question." if code == "context_length_exceeded" else ""
        return ConfigError(message, hint=hint)
    return RemoteError(message, hint="Look at `qinfra status`, and ask again.")
