"""As much of MessagePack as Terraform's values need; unknown ones are an extension."""

from __future__ import annotations

import struct
from typing import Any


class Unknown:
    """A value that is known after apply."""


UNKNOWN = Unknown()
_FIXED = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q"} | {
    0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"
}  # fmt: skip
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_SIZED = {
    0xD9: ("text", ">B"), 0xDA: ("text", ">H"), 0xDB: ("text", ">I"),
    0xDC: ("list", ">H"), 0xDD: ("list", ">I"), 0xDE: ("map", ">H"), 0xDF: ("map", ">I"),
    0xC7: ("extension", ">B"), 0xC8: ("extension", ">H"),
}  # fmt: skip


def pack(value: Any) -> bytes:
    if value is UNKNOWN:
        return b"\xd4\x00\x00"
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return struct.pack(">Bq", 0xD3, value)
    if isinstance(value, float):
        return struct.pack(">Bd", 0xCB, value)
    if isinstance(value, str):
        text = value.encode()
        return struct.pack(">BI", 0xDB, len(text)) + text
    if isinstance(value, dict):
        inside = b"".join(pack(name) + pack(each) for name, each in value.items())
        return struct.pack(">BI", 0xDF, len(value)) + inside
    return struct.pack(">BI", 0xDD, len(value)) + b"".join(map(pack, value))


def unpack(data: bytes) -> Any:
    return _Reader(data).value()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def value(self) -> Any:
        (first,) = self._take(1)
        if first < 0x80 or first >= 0xE0:
            return first if first < 0x80 else first - 0x100
        if first < 0xC0:
            kind = "map" if first < 0x90 else "list" if first < 0xA0 else "text"
            return self._sized(kind, first & (0x1F if kind == "text" else 0x0F))
        if first in _CONSTANTS:
            return _CONSTANTS[first]
        if first in _FIXED:
            return self._number(_FIXED[first])
        if 0xD4 <= first <= 0xD8:
            return self._sized("extension", 1 << (first - 0xD4))
        kind, width = _SIZED[first]
        return self._sized(kind, self._number(width))

    def _sized(self, kind: str, size: int) -> Any:
        if kind == "text":
            return self._take(size).decode()
        if kind == "list":
            return [self.value() for _ in range(size)]
        if kind == "map":
            return {self.value(): self.value() for _ in range(size)}
        self._take(1 + size)  # its type, and what is known of the unknown
        return UNKNOWN

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _take(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]
