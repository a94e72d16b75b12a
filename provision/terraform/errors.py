"""What a step may end with, and what to do about it.

Before an apply nothing has changed, so its errors are preflight's (3); after, a remote's (5).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.errors import ConfigError, PreflightError, QinfraError, RemoteError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from provision.terraform.events import Diagnostic

_MOST_SHOWN = 5
_MOST_LETTERS = 240
_LOCKED = "Error acquiring the state lock"
_STALE = "Saved plan is stale"
_ELSEWHERE = ("Backend configuration changed", "Can't ask approval for state migration")
_NO_BUCKET = re.compile(r"bucket .{0,80}(does not|doesn't) exist", re.DOTALL)
# From "Lock Info" on: a cloud's error text before it has a RequestID of its own.
_LOCK_FIELD = re.compile(r"^\s*(ID|Operation|Who|Created):[ \t]+(\S.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Who holds a state; a field that Terraform does not tell is empty."""

    id: str = ""
    who: str = ""
    operation: str = ""
    since: str = ""


class StateLocked(PreflightError):
    """Another Terraform works on the same state."""

    def __init__(self, message: str, *, lock: Lock, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.lock = lock


class StalePlan(PreflightError):
    """A saved plan is not what it was made from, or made for, any more."""


class InitFailed(PreflightError):
    """A provider or a backend cannot be had."""


class PlanFailed(PreflightError):
    """Terraform could not say what is to be done; nothing was changed."""


class ApplyFailed(RemoteError):
    """Some of the changes were made, and are in the state; others failed."""


class StepStopped(RemoteError):
    """A step ran into its deadline, or did not stop when it was asked to.

    Attributes:
        may_be_locked: It had to be killed: its state may be locked, and lack what it last made.
    """

    def __init__(self, message: str, *, may_be_locked: bool, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.may_be_locked = may_be_locked


def lock_of(detail: str) -> Lock:
    """Return the holder that a diagnostic tells."""
    found = dict(_LOCK_FIELD.findall(detail.partition("Lock Info:")[2]))
    return Lock(
        id=found.get("ID", ""),
        who=found.get("Who", ""),
        operation=found.get("Operation", "").removeprefix("OperationType").lower(),
        since=found.get("Created", ""),
    )


def unlock_command(binary: str, folder: Path, lock_id: str) -> str:
    """Return the command that takes a lock away from a holder that is no more."""
    return shlex.join((binary, f"-chdir={folder}", "force-unlock", lock_id))


def error_of(
    step: str, *, binary: str, folder: Path, diagnostics: Sequence[Diagnostic], otherwise: str
) -> QinfraError:
    """Return the error that a failed step's diagnostics make; `otherwise` when there are none."""
    errors = [each for each in diagnostics if each.severity == "error"]
    for each in errors:
        # Without a holder it is a lock that could not be asked for: credentials, a damaged state.
        if _LOCKED in each.summary and (lock := lock_of(each.detail)).id:
            return _locked(binary, folder, lock)
        if each.summary.startswith(_STALE):
            return StalePlan(
                f"{folder}: the state has changed since this plan was made", hint="Plan again."
            )
    told = f"{folder}: {step} failed: {_told(errors) or otherwise[:_MOST_LETTERS]}"
    if step == "apply":
        return ApplyFailed(told, hint="What was made is in the state: plan again, then apply.")
    if step == "validate" or (step == "init" and any(each.place for each in errors)):
        return ConfigError(told, hint="Write the stack again, or correct it.")
    if step == "init":
        return InitFailed(told, hint=_init_hint(errors, binary, folder))
    return PlanFailed(told, hint="Nothing was changed; correct it and plan again.")


def one_line(diagnostic: Diagnostic) -> str:
    """Return where, what and the first line of why; never more than a line."""
    where = diagnostic.address or diagnostic.place
    first = next((line for line in diagnostic.detail.splitlines() if line.strip()), "")
    parts = [each for each in (where, " ".join(diagnostic.summary.split()), first.strip()) if each]
    text = ": ".join(part.rstrip(":") for part in parts)
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"


def _told(errors: Sequence[Diagnostic]) -> str:
    lines = list(dict.fromkeys(map(one_line, errors)))
    more = len(lines) - _MOST_SHOWN
    return "; ".join(lines[:_MOST_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _locked(binary: str, folder: Path, lock: Lock) -> StateLocked:
    operation = f" for {lock.operation}" if lock.operation else ""
    since = f" since {lock.since}" if lock.since else ""
    command = unlock_command(binary, folder, lock.id)
    return StateLocked(
        f"{folder}: the state is locked by {lock.who or 'another'}{operation}{since}",
        lock=lock,
        hint=f"Wait for it to end; only when it runs no more, run `{command}`.",
    )


def _init_hint(errors: Sequence[Diagnostic], binary: str, folder: Path) -> str:
    text = " ".join(f"{each.summary} {each.detail}" for each in errors)
    if any(each in text for each in _ELSEWHERE):
        command = shlex.join((binary, f"-chdir={folder}", "init", "-migrate-state"))
        return f"Run `{command}` to take the state along to where it is now to be."
    if _NO_BUCKET.search(text):
        return "Run `qinfra backend bootstrap` to make it."
    if "provider" in text.lower():
        return (
            "Connect to the registry, or set QINFRA_PROVIDER_MIRROR to a folder that "
            "`terraform providers mirror` filled with this version."
        )
    return "See that the backend of the state can be reached with these credentials."
