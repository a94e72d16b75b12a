"""A machine's public host keys, as cloud-init prints them on its console at the first boot.

Anything may stand on a console: marks of time and of the kernel before a line, colours, other
lines in between, the half of a key. What comes out of here is whole or not at all.
"""

from __future__ import annotations

import base64
import binascii
import re

_BEGIN = "-----BEGIN SSH HOST KEY KEYS-----"
_END = "-----END SSH HOST KEY KEYS-----"
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_KEY = re.compile(
    r"(?<!\S)(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) ([A-Za-z0-9+/]+={0,2})(?!\S)",
    re.ASCII,
)
_LENGTH_BYTES = 4  # before each field of a key, RFC 4251, section 5
# What a key consists of after its type: RFC 8709 (Ed25519), RFC 4253 (RSA), RFC 5656 (ECDSA).
_FIELDS = {"ssh-ed25519": 1, "ssh-rsa": 2}
_ECDSA_FIELDS = 2
_ED25519_BYTES = 32
_POINT_BYTES = {"nistp256": 65, "nistp384": 97, "nistp521": 133}


def host_keys_in(text: str) -> tuple[str, ...]:
    """Return the keys of the last complete block, as `ssh-ed25519 AAAA…` without a comment.

    After a reboot there may be several blocks, and of the first or the last only a part. Keys that
    are broken are left out.
    """
    end = text.rfind(_END)
    begin = text.rfind(_BEGIN, 0, max(end, 0))
    if begin < 0:
        return ()
    block = _COLOUR.sub("", text[begin + len(_BEGIN) : text.find(_END, begin)])
    found = (match for line in block.splitlines() for match in _KEY.finditer(line))
    keys = (f"{match[1]} {match[2]}" for match in found if _is_whole(match[1], match[2]))
    return tuple(dict.fromkeys(keys))


def _is_whole(kind: str, body: str) -> bool:
    try:
        blob = base64.b64decode(body, validate=True)
    except binascii.Error:
        return False
    if base64.b64encode(blob).decode() != body:  # bits after the end: another way to write it
        return False
    name, *fields = _fields_of(blob) or (b"",)
    if name != kind.encode() or len(fields) != _FIELDS.get(kind, _ECDSA_FIELDS) or not all(fields):
        return False
    if kind == "ssh-ed25519":
        return len(fields[0]) == _ED25519_BYTES
    curve = kind.rpartition("-")[2]
    return curve not in _POINT_BYTES or _is_point(curve, *fields)


def _is_point(curve: str, named: bytes, point: bytes) -> bool:
    return named == curve.encode() and len(point) == _POINT_BYTES[curve] and point[0] == 4


def _fields_of(blob: bytes) -> list[bytes]:
    """Return a key's fields; none when they do not end where the key does."""
    fields, at = [], 0
    while at < len(blob):
        length = int.from_bytes(blob[at : at + _LENGTH_BYTES], "big")
        at += _LENGTH_BYTES + length
        if at > len(blob):
            return []
        fields.append(blob[at - length : at])
    return fields
