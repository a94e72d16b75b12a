"""What a deploy has to do, given what is wanted, on record and running. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provision.desired import Deployment, Desired


class Action(StrEnum):
    """What a deploy does."""

    NOTHING = "nothing to do"
    WAIT = "wait for the fleet that runs"
    START = "start the fleet anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """What was found.

    Args:
        record: The deployment on record; None when it never got so far.
        same_model: Whether the model's files are those that were deployed.
        supervised: Whether a supervisor runs the very inventory on record.
        all_ready: Whether every node says it is ready.
        identities_last: Whether no certificate is due for renewal.
    """

    record: Deployment | None
    same_model: bool
    supervised: bool
    all_ready: bool
    identities_last: bool


def next_action(desired: Desired, current: Current) -> Action:
    """Return what to do."""
    record = current.record
    unchanged = record is not None and record.desired == desired and current.same_model
    if not unchanged or not current.supervised or not current.identities_last:
        return Action.START
    if record is not None and record.status == "ready" and current.all_ready:
        return Action.NOTHING
    return Action.WAIT


def reasons(desired: Desired, current: Current, changes: tuple[str, ...]) -> tuple[str, ...]:
    """Say why a fleet that was deployed before is started anew; empty for a first deploy."""
    if current.record is None:
        return ()
    if current.record.desired != desired:
        return changes
    if not current.same_model:
        return ("the model's files have changed",)
    if not current.supervised:
        return ("the fleet is not running",)
    if not current.identities_last:
        return ("certificates are due for renewal",)
    return ()
