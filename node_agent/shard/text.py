"""Between text and tokens: the chat template, and a stream of whole characters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokenizers.decoders import DecodeStream

from node_agent.errors import CheckpointError, TaskError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tokenizers import Tokenizer


class Text:
    """A checkpoint's tokenizer and chat template.

    Args:
        folder: The checkpoint.

    Raises:
        CheckpointError: The tokenizer cannot be loaded.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                folder, trust_remote_code=False, local_files_only=True
            )
        except (OSError, ValueError, KeyError) as error:
            raise CheckpointError(f"{folder}: the tokenizer cannot be loaded: {error}") from error
        self.backend.no_truncation()
        self.backend.no_padding()

    @property
    def backend(self) -> Tokenizer:
        """The tokenizer beneath."""
        backend: Tokenizer = self._tokenizer.backend_tokenizer
        return backend

    def chat_tokens(self, messages: Sequence[tuple[str, str]]) -> list[int]:
        """Render (role, content) messages with the chat template, ready for an answer.

        Raises:
            TaskError: There is no template, or it refuses the messages.
        """
        from jinja2 import TemplateError

        chat = [{"role": role, "content": content} for role, content in messages]
        try:
            rendered: str = self._tokenizer.apply_chat_template(
                chat, tokenize=False, add_generation_prompt=True
            )
        except (ValueError, TemplateError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise TaskError(f"the chat template refuses these messages: {reason}") from error
        # A batch of one: alone among the tokenizer's calls it lets other threads run meanwhile.
        return self.backend.encode_batch([rendered], add_special_tokens=False)[0].ids


class TextStream:
    """Turns sampled tokens into text as they come.

    A character is given out when its last byte has come, and text that may be the beginning of a
    stop string when it is known not to be.

    Args:
        tokenizer: Of the checkpoint.
        stop: Strings that end the answer and are no part of it.
    """

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._decoder = DecodeStream(skip_special_tokens=True)
        self._stop = tuple(s for s in stop if s)
        self._held = ""
        self.stopped = False

    def push(self, token: int) -> str:
        """Take a token and return the text that is now certain."""
        piece = self._decoded(token)
        if not self._stop:
            return piece
        self._held += piece
        found = [at for s in self._stop if (at := self._held.find(s)) >= 0]
        if found:
            self.stopped = True
            certain, self._held = self._held[: min(found)], ""
            return certain
        keep = _possible_beginning(self._held, self._stop)
        certain = self._held[: len(self._held) - keep]
        self._held = self._held[len(certain) :]
        return certain

    def _decoded(self, token: int) -> str:
        try:
            return self._decoder.step(self._tokenizer, token) or ""
        except Exception:  # noqa: BLE001 - its own kind of error, for bytes that are no UTF-8
            self._decoder = DecodeStream(skip_special_tokens=True)
            return self._decoder.step(self._tokenizer, token) or ""

    def flush(self) -> str:
        """Return what was held back, when no more tokens come."""
        held, self._held = self._held, ""
        return held


def _possible_beginning(text: str, stop: tuple[str, ...]) -> int:
    """Length of the longest end of `text` with which a stop string begins."""
    longest = max(len(s) for s in stop) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(s.startswith(text[-length:]) for s in stop):
            return length
    return 0
