"""Logs of several nodes as one, in order of time."""

from __future__ import annotations

import heapq
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_SHOWN_APART = ("timestamp", "level", "node", "event")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of one node's log.

    Args:
        timestamp: ISO 8601, UTC; of the line before when it has none of its own.
        node: Who wrote it.
        text: As it is in the file.
    """

    timestamp: str
    node: str
    text: str

    def __str__(self) -> str:
        entry = _entry(self.text)
        if entry is None:
            return f"{self.timestamp[11:23]:<12} {self.node:<16} {self.text}"
        rest = " ".join(f"{k}={_value(v)}" for k, v in entry.items() if k not in _SHOWN_APART)
        level = str(entry.get("level", ""))
        event = f"{entry.get('event', '')} {rest}".rstrip()
        return f"{self.timestamp[11:23]:<12} {self.node:<16} {level:<8} {event}"


class LogFile:
    """A log that is read to its end again and again; it may be cut to nothing in between.

    Args:
        path: The file; it may not be there yet.
        node: Who writes it.
    """

    def __init__(self, path: Path, node: str) -> None:
        self._path = path
        self._node = node
        self._offset = 0
        self._partial = b""
        self._timestamp = ""

    def new_lines(self) -> list[LogLine]:
        """Return the whole lines since the last look."""
        self._partial += self._read()
        *lines, self._partial = self._partial.split(b"\n")
        return [self._line(line.decode("utf-8", "replace")) for line in lines if line.strip()]

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._offset:
                    self._offset, self._partial = 0, b""
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return b""
        self._offset += len(content)
        return content

    def _line(self, text: str) -> LogLine:
        entry = _entry(text)
        if entry is not None:
            self._timestamp = str(entry.get("timestamp", self._timestamp))
        return LogLine(self._timestamp, self._node, text)


def merged(logs: Iterable[list[LogLine]]) -> list[LogLine]:
    """Return the lines of several logs in order of time; each log's own order is kept."""
    return list(heapq.merge(*logs, key=lambda line: line.timestamp))


def _entry(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        entry: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return entry


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return json.dumps(text, ensure_ascii=False) if " " in text and "\n" not in text else text
