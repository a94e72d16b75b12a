"""What still stands in a cloud and belongs to no deployment that anyone remembers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from provision.clouds.cloud import Found

_EC2_ID = re.compile(r"(?:[a-z]+-)+[0-9a-f]{8,17}", re.ASCII)
_ID_BEGINNINGS = ("arn:", "projects/")
_ADDRESS = re.compile(r"https://[^/]*googleapis\.com/compute/[^/]+/(projects/.*)")
_LAST = "-final-"  # in the name that the stacks give to what a database leaves behind
_STREAMS = ":*"  # ends a log group's ARN where it stands for what is in the group


def ids_in(state: object) -> frozenset[str]:
    """Return the ids that a state of Terraform holds, wherever in it.

    What it only looked at, its data sources, it does not hold.
    """
    return frozenset(_ids(state))


def orphans(found: Sequence[Found], held_ids: Collection[str]) -> tuple[Found, ...]:
    """Return what no state holds, neither itself nor what it goes with.

    A machine of a scaling group is held when its group is, and its disk with it: states know
    nothing of either. What is scheduled for deletion is none, since clouds do not report it.

    Args:
        found: All that carries our tag, of every deployment.
        held_ids: Of every state, as `ids_in` gives them.
    """
    held = set(held_ids)
    things = {each.id: each for each in found}
    return tuple(
        each for each in found if not any(_names(name) & held for name in _line(each, things))
    )


def is_last_copy(found: Found) -> bool:
    """Return whether a destroy leaves something behind on purpose: a database's last snapshot."""
    return found.kind == "rds:snapshot" and _LAST in found.id


def _line(thing: Found, things: dict[str, Found]) -> Iterator[str]:
    """Yield the ids of a thing, of what it goes with, and so on."""
    seen: set[str] = set()
    name = thing.id
    while name and name not in seen:
        seen.add(name)
        yield name
        name = things[name].owner if name in things else ""


def _names(name: str) -> set[str]:
    """Return what a state may call a thing: EC2's ids are unique without the ARN around them."""
    last = name.rpartition("/")[2]
    short = {last} if ":ec2:" in name and _EC2_ID.fullmatch(last) else set()
    return {name, name.removesuffix(_STREAMS), name + _STREAMS} | short


def _ids(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if part.get("mode") != "data":
            for value in part.values():
                yield from _ids(value)
    elif isinstance(part, list):
        for value in part:
            yield from _ids(value)
    elif isinstance(part, str):
        name = _ADDRESS.sub(r"\1", part)
        if name.startswith(_ID_BEGINNINGS) or _EC2_ID.fullmatch(name):
            yield name
