"""The answer of a sequence as it grows: what each sampled token adds, and when it is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node_agent.proto import agent_pb2 as pb
from node_agent.shard.text import TextStream

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from node_agent.shard.task import Task


class Answer:
    """Turns sampled tokens of a task into the results its orchestrator gets.

    Args:
        task: Whose answer it is.
        tokenizer: Of the checkpoint.
        eos_token_ids: Tokens that end an answer.
        context_tokens: Longest sequence, prompt and answer together.
    """

    def __init__(
        self,
        task: Task,
        tokenizer: Tokenizer,
        eos_token_ids: tuple[int, ...],
        context_tokens: int,
    ) -> None:
        self._task = task
        self._text = TextStream(tokenizer, task.stop)
        self._eos = () if task.ignore_eos else eos_token_ids
        self._context_tokens = context_tokens
        self._tokens = 0

    def take(self, token: int, position: int) -> pb.FinalResult:
        """Return what the token standing at `position` adds; `finish` is set on the last."""
        self._tokens += 1
        piece = "" if token in self._eos else self._text.push(token)
        finish = self._finish(token, position)
        if finish and not self._text.stopped:
            piece += self._text.flush()
        return pb.FinalResult(
            task=self._task.id,
            epoch=self._task.epoch,
            index=self._tokens - 1,
            token_ids=[token],
            text=piece,
            finish=finish,
        )

    def _finish(self, token: int, position: int) -> pb.Finish:
        if token in self._eos or self._text.stopped:
            return pb.FINISH_STOP
        if self._tokens >= self._task.max_tokens or position + 1 >= self._context_tokens:
            return pb.FINISH_LENGTH
        return pb.FINISH_UNSPECIFIED
