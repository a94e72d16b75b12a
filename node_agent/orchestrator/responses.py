"""Chat completions in OpenAI's shapes, whole and in chunks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from node_agent.orchestrator.tasks import Accepted, Finish, Timings

DONE = b"data: [DONE]\n\n"

# JSON allows these raw, but many clients take them for line ends.
_LINE_ENDS = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What every part of one answer repeats.

    Attributes:
        id: `chatcmpl-...`.
        created: Unix seconds.
        model: The id the deployment serves.
        seed: Gives the same answer again.
        with_usage: Whether a stream ends with a chunk of usage.
    """

    id: str
    created: int
    model: str
    seed: int
    with_usage: bool = False

    def completion(
        self, text: str, finish: Finish, accepted: Accepted, timings: Timings
    ) -> dict[str, Any]:
        """Return the whole answer."""
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "logprobs": None,
            "finish_reason": finish,
        }
        return {
            **self._head("chat.completion"),
            "choices": [choice],
            "usage": usage(accepted, timings),
            "qinfra": self._figures(accepted, timings),
        }

    def opening(self) -> dict[str, Any]:
        """Return the first chunk: who speaks."""
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, text: str) -> dict[str, Any]:
        """Return a chunk of text."""
        return self._chunk({"content": text})

    def closing(
        self, finish: Finish, accepted: Accepted, timings: Timings
    ) -> tuple[dict[str, Any], ...]:
        """Return the last chunks: the finish and, when wanted, the usage."""
        end = self._chunk({}, finish)
        figures = {"qinfra": self._figures(accepted, timings)}
        if not self.with_usage:
            return (end | figures,)
        total = {**self._head("chat.completion.chunk"), "choices": []}
        return end, total | {"usage": usage(accepted, timings)} | figures

    def _chunk(self, delta: dict[str, str], finish: Finish | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        usage_so_far = {"usage": None} if self.with_usage else {}
        return {**self._head("chat.completion.chunk"), "choices": [choice], **usage_so_far}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _figures(self, accepted: Accepted, timings: Timings) -> dict[str, Any]:
        return {
            "pipeline": accepted.pipeline,
            "nodes": list(accepted.nodes),
            "queue_ms": round(timings.queue_seconds * 1000, 3),
            "ttft_ms": round(timings.ttft_seconds * 1000, 3),
            "tokens_per_second": round(timings.tokens_per_second, 3),
            "seed": self.seed,
        }


def usage(accepted: Accepted, timings: Timings) -> dict[str, int]:
    """Return the tokens read and written."""
    return {
        "prompt_tokens": accepted.prompt_tokens,
        "completion_tokens": timings.tokens,
        "total_tokens": accepted.prompt_tokens + timings.tokens,
    }


def server_sent(payload: dict[str, Any]) -> bytes:
    """Return one server-sent event, without a line break inside."""
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return b"data: " + body.translate(_LINE_ENDS).encode() + b"\n\n"
