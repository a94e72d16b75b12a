"""What is no longer as Terraform's state has it: found by asking the cloud, changing nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from infra.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from infra.stacks.blocks import Stack
    from provision.fleet.planning import Tools, Written

_DRIFT_FILE = "drift.tfplan"
_OF_REST = re.compile(r"instance_state|suspended_processes\b.*")
_SECRET = "(secret)"  # noqa: S105 - said in place of one
_MOVES = ("latest_restorable_time",)  # by itself, every few minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """An attribute that is not as it was.

    Attributes:
        path: As in `root_block_device[0].volume_size`.
        before: In the state, as text.
        after: In the cloud, as text.
    """

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A resource that is not as the state has it.

    Attributes:
        gone: Whether it is not there any more.
        fields: What differs of it; empty when it is gone.
    """

    stack: str
    address: str
    gone: bool
    fields: tuple[Field, ...]


def drift_of(written: Sequence[Written], tools: Tools) -> tuple[Drift, ...]:
    """Return what has drifted, stack by stack.

    Raises:
        QinfraError: As `Terraform.plan`.
    """
    return tuple(drift for each in written for drift in _stack(each, tools))


def drifts(
    stack: str, document: Mapping[str, Any], left_alone: Mapping[str, Collection[str]]
) -> tuple[Drift, ...]:
    """Return the drift that a refresh-only plan's document tells.

    A cloud's own notation is no drift: nothing, an empty text and an empty list are the same.

    Args:
        stack: Its name.
        document: Of `Terraform.show`.
        left_alone: By address, the attributes that others may change, as a group's size by load.

    Raises:
        RemoteError: It is no such document.
    """
    try:
        found = [
            Drift(
                stack=stack,
                address=str(each["address"]),
                gone="delete" in each["change"]["actions"],
                fields=()
                if "delete" in each["change"]["actions"]
                else _fields(
                    each["change"],
                    (*_MOVES, *left_alone.get(each["address"].partition("[")[0], ())),
                ),
            )
            for each in document.get("resource_drift", ())
            if each.get("mode", "managed") == "managed"
        ]
    except (AttributeError, KeyError, TypeError) as error:
        raise RemoteError(f"{stack}: the plan is no document of Terraform's: {error!r}") from error
    return tuple(each for each in found if each.gone or each.fields)


def drifts_at_rest(found: Sequence[Drift]) -> tuple[Drift, ...]:
    """Return the drift of a stopped fleet: without what stopping it has changed."""
    awake = [
        replace(each, fields=tuple(f for f in each.fields if not _OF_REST.fullmatch(f.path)))
        for each in found
    ]
    return tuple(each for each in awake if each.gone or each.fields)


def _stack(each: Written, tools: Tools) -> tuple[Drift, ...]:
    terraform = tools.terraform(each.folder)
    tools.say(f"{each.stack.name}: asking the cloud")
    terraform.init()
    out = each.folder / _DRIFT_FILE
    try:
        terraform.plan(out, mode="refresh-only", variables=each.values)
        return drifts(each.stack.name, terraform.show(out), _left_alone(each.stack))
    finally:
        for file in (out, out.with_suffix(".json")):
            file.unlink(missing_ok=True)


def _left_alone(stack: Stack) -> dict[str, tuple[str, ...]]:
    return {
        block.address: tuple(block.meta["lifecycle"].get("ignore_changes", ()))
        for block in stack.blocks
        if "lifecycle" in block.meta
    }


def _fields(change: Mapping[str, Any], left_alone: Collection[str]) -> tuple[Field, ...]:
    """Name each attribute that differs once: AWS's `tags_all` repeats what `tags` says."""
    secret = (change.get("before_sensitive"), change.get("after_sensitive"))
    found = tuple(_differences("", change.get("before"), change.get("after"), secret))
    found = tuple(each for each in found if re.split(r"[.\[]", each.path)[0] not in left_alone)
    named = {each.path for each in found}
    return tuple(
        each
        for each in found
        if each.path.replace("tags_all", "tags", 1) not in named
        or not each.path.startswith("tags_all")
    )


def _differences(
    path: str, before: object, after: object, secret: tuple[object, object]
) -> Iterator[Field]:
    if _nothing(before) and _nothing(after):
        return
    if before == after:
        return
    if True in secret:
        yield Field(path=path, before=_SECRET, after=_SECRET)
    elif isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            inner = (_within(secret[0], key), _within(secret[1], key))
            yield from _differences(_joined(path, key), before.get(key), after.get(key), inner)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            inner = (_within(secret[0], index), _within(secret[1], index))
            yield from _differences(f"{path}[{index}]", old, new, inner)
    else:
        yield Field(path=path, before=_text(before), after=_text(after))


def _nothing(value: object) -> bool:
    """Whether a value says nothing: none, empty, or a structure of such."""
    if isinstance(value, dict):
        return all(_nothing(each) for each in value.values())
    return value is None or value in ("", [])


def _within(secret: object, key: str | int) -> object:
    if isinstance(secret, dict):
        return secret.get(key)
    if isinstance(secret, list) and isinstance(key, int) and key < len(secret):
        return secret[key]
    return secret is True


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _text(value: object) -> str:
    return "nothing" if _nothing(value) else str(value)
