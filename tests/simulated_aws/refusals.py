"""Failures on demand: the n-th call of an action is refused, as a full zone or a quota would do it.

They are asked for by `POST /simulated/refusals` with a refusal's fields as JSON, and forgotten by
`DELETE`. AWS says of a full zone with 500, at which clients go on asking for minutes; here it is
400 for all, at which they give up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

PATH = "/simulated/refusals"
_pending: list[Refusal] = []


@dataclass(kw_only=True)
class Refusal:
    """What is refused, and when.

    Attributes:
        action: As in RunInstances.
        code: As in InsufficientInstanceCapacity or VcpuLimitExceeded.
        after: Calls of it that are answered first.
        times: Calls that are refused then.
    """

    action: str
    code: str
    message: str = "refused, for a test"
    after: int = 0
    times: int = 1


def asked(method: str, body: bytes) -> None:
    """Take in what a test asks for."""
    if method == "DELETE":
        _pending.clear()
    else:
        _pending.append(Refusal(**json.loads(body)))


def due(action: Any) -> Refusal | None:
    """Return how this call of an action is refused, if it is; counts it."""
    for each in [each for each in _pending if each.action == action]:
        if each.after:
            each.after -= 1
            continue
        each.times -= 1
        if not each.times:
            _pending.remove(each)
        return each
    return None
