"""The lines of Terraform's JSON stream that are used, each as a type of its own.

Source:
    https://developer.hashicorp.com/terraform/internals/machine-readable-ui, of Terraform 1.11.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """What is to happen to one resource.

    Attributes:
        action: create, update, replace, delete, read, noop, move, import, forget; or a newer one.
        reason: Terraform's word for why, as in `cannot_update`; empty when it is plain.
        previous: The address before a move; empty without one.
    """

    address: str
    action: str
    reason: str = ""
    previous: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDrift:
    """A resource is not as the state has it."""

    address: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyStarted:
    """Work on a resource begins."""

    address: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyProgress:
    """Work on a resource goes on; every ten seconds."""

    address: str
    action: str
    elapsed_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyCompleted:
    """Work on a resource is done; a replacement has two of these."""

    address: str
    action: str
    elapsed_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyErrored:
    """Work on a resource failed; a diagnostic says why."""

    address: str
    action: str
    elapsed_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """The state of a resource was read from its cloud."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """An error or a warning.

    Attributes:
        severity: error or warning.
        address: Of the resource it is about; empty when about none.
        place: File and line of the configuration; empty when about none.
    """

    severity: str
    summary: str
    detail: str = ""
    address: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSummary:
    """The counts that close a plan or an apply; a replacement counts in add and remove."""

    operation: str
    add: int
    change: int
    remove: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """The names of outputs: with what happens to each in a plan, without after an apply."""

    actions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """Terraform was asked to stop (of this driver, not of the stream).

    Attributes:
        why: As in `interrupted`.
        grace_seconds: How long it has to write its state and release its lock.
    """

    why: str
    grace_seconds: float


Event = (
    PlannedChange
    | ResourceDrift
    | ApplyStarted
    | ApplyProgress
    | ApplyCompleted
    | ApplyErrored
    | Refreshed
    | Diagnostic
    | ChangeSummary
    | Outputs
    | Stopping
)


def event_of(line: str) -> Event | None:
    """Return what a line of the stream says; None for what is not used, or no JSON."""
    try:
        message = json.loads(line)
        reader = _READERS.get(message["type"])
        return reader(message) if reader else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def diagnostic_of(told: Mapping[str, Any]) -> Diagnostic:
    """Return a diagnostic of the stream, or of `validate -json`."""
    where = told.get("range") or {}
    return Diagnostic(
        severity=str(told["severity"]),
        summary=str(told["summary"]),
        detail=str(told.get("detail", "")),
        address=str(told.get("address", "")),
        place=f"{where['filename']}:{where['start']['line']}" if where else "",
    )


def _planned(message: Mapping[str, Any]) -> PlannedChange:
    change = message["change"]
    return PlannedChange(
        address=change["resource"]["addr"],
        action=change["action"],
        reason=change.get("reason", ""),
        previous=change.get("previous_resource", {}).get("addr", ""),
    )


def _drift(message: Mapping[str, Any]) -> ResourceDrift:
    change = message["change"]
    return ResourceDrift(address=change["resource"]["addr"], action=change["action"])


def _started(message: Mapping[str, Any]) -> ApplyStarted:
    hook = message["hook"]
    return ApplyStarted(address=hook["resource"]["addr"], action=hook["action"])


def _timed(
    kind: type[ApplyProgress | ApplyCompleted | ApplyErrored],
) -> Callable[[Mapping[str, Any]], ApplyProgress | ApplyCompleted | ApplyErrored]:
    def read(message: Mapping[str, Any]) -> ApplyProgress | ApplyCompleted | ApplyErrored:
        hook = message["hook"]
        return kind(
            address=hook["resource"]["addr"],
            action=hook["action"],
            elapsed_seconds=float(hook.get("elapsed_seconds", 0)),
        )

    return read


def _summary(message: Mapping[str, Any]) -> ChangeSummary:
    counts = message["changes"]
    return ChangeSummary(
        operation=counts["operation"],
        add=counts["add"],
        change=counts["change"],
        remove=counts["remove"],
    )


def _outputs(message: Mapping[str, Any]) -> Outputs:
    told = message["outputs"].items()
    return Outputs(actions={name: output.get("action", "") for name, output in told})


_READERS: dict[str, Callable[[Mapping[str, Any]], Event]] = {
    "planned_change": _planned,
    "resource_drift": _drift,
    "apply_start": _started,
    "apply_progress": _timed(ApplyProgress),
    "apply_complete": _timed(ApplyCompleted),
    "apply_errored": _timed(ApplyErrored),
    "refresh_complete": lambda message: Refreshed(address=message["hook"]["resource"]["addr"]),
    "diagnostic": lambda message: diagnostic_of(message["diagnostic"]),
    "change_summary": _summary,
    "outputs": _outputs,
}
