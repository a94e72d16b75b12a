"""Which nodes are changed together: first one, then a quarter, then the rest, a role at a time.

A batch has nodes of one role only, so that never both stages of a pipeline are away together.
Stages come before the gateways that send them work; gateways go one at a time, so that there is
always another where there are two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ORDER = ("worker", "transformer", "embedding", "oracle", "monitoring", "orchestrator")
_ONE_AT_A_TIME = "orchestrator"
_RAMP = (0.25, 1.0)  # shares of a role, after the first node


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Nodes that are changed together.

    Attributes:
        canary: Whether it is the first of its role, on whose health all others depend.
    """

    role: str
    nodes: tuple[str, ...]
    canary: bool


def batches(nodes: Mapping[str, str]) -> tuple[Batch, ...]:
    """Return the batches of a rollout, in their order.

    Args:
        nodes: Role by name. Roles that only a later version knows come after the stages.
    """
    roles = sorted(set(nodes.values()), key=_rank)
    return tuple(
        batch
        for role in roles
        for batch in _of_role(role, [name for name, its in nodes.items() if its == role])
    )


def _rank(role: str) -> tuple[int, str]:
    last = len(_ORDER) - 1
    place = _ORDER.index(role) if role in _ORDER else last - 1
    return place, role


def _of_role(role: str, names: list[str]) -> Iterator[Batch]:
    done = 0
    for end in _ends(role, len(names)):
        yield Batch(role=role, nodes=tuple(names[done:end]), canary=done == 0)
        done = end


def _ends(role: str, count: int) -> Iterator[int]:
    """Yield how many nodes are done after each batch."""
    if role == _ONE_AT_A_TIME:
        yield from range(1, count + 1)
        return
    reached = 1
    yield reached
    for share in _RAMP:
        end = math.ceil(count * share)
        if end > reached:
            yield end
            reached = end
