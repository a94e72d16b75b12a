"""What a plan would do, and the record without which a saved plan is not applied."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.backend import STATE_FILE
from infra.errors import ConfigError
from provision.files import write_atomically
from provision.terraform.errors import StalePlan
from provision.terraform.events import Outputs, PlannedChange, ResourceDrift

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from provision.terraform.events import Event

_UNCHANGED = "noop"
_CAUSES = {
    "cannot_update": "cannot be changed in place",
    "tainted": "was left half made, or is marked to be replaced",
    "requested": "was asked for",
    "replace_by_request": "was asked for",
    "replace_triggered_by": "follows what it is told to be replaced with",
}
_NAMED = ("plan", "stack", "catalogue", "serial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A resource that is to be destroyed and made anew.

    Attributes:
        cause: Why, as in `triggers_replace cannot be changed in place`.
    """

    address: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSummary:
    """What a plan would do, by address, in Terraform's order.

    Attributes:
        others: Moves, imports and what only this summary does not know.
        drift: What is not as the state has it; much of it is a cloud's own notation.
        outputs: Those that change.
    """

    adds: tuple[str, ...]
    changes: tuple[str, ...]
    replacements: tuple[Replacement, ...]
    destroys: tuple[str, ...]
    reads: tuple[str, ...]
    others: tuple[PlannedChange, ...]
    drift: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be done to a resource; outputs may change all the same."""
        changed = (self.adds, self.changes, self.replacements, self.destroys, self.others)
        return not any(changed)

    @property
    def resources(self) -> int:
        """How many resources are to be worked on."""
        made = len(self.adds) + len(self.changes)
        return made + len(self.replacements) + len(self.destroys)


def plan_summary(
    events: Iterable[Event], paths: Mapping[str, tuple[str, ...]] | None = None
) -> PlanSummary:
    """Return what the events of a plan amount to.

    Args:
        events: Of a plan.
        paths: By address, the arguments that force a replacement, of `replace_paths`.
    """
    told = tuple(events)
    planned = [each for each in told if isinstance(each, PlannedChange)]
    by_action = {name: _addresses(planned, name) for name in ("create", "update", "delete", "read")}
    known = {*by_action, "replace", _UNCHANGED}
    forced = paths or {}
    return PlanSummary(
        adds=by_action["create"],
        changes=by_action["update"],
        replacements=tuple(
            Replacement(address=each.address, cause=_cause(each, forced.get(each.address, ())))
            for each in planned
            if each.action == "replace"
        ),
        destroys=by_action["delete"],
        reads=by_action["read"],
        others=tuple(each for each in planned if each.action not in known),
        drift=tuple(each.address for each in told if isinstance(each, ResourceDrift)),
        outputs=_changed_outputs(told),
    )


def replace_paths(document: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return, by address, the arguments that force a replacement, of `show -json`'s document."""
    return {
        change["address"]: tuple(map(_path, paths))
        for change in document.get("resource_changes", ())
        if (paths := change["change"].get("replace_paths"))
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedPlan:
    """A saved plan of which `verified` has said that it may be applied."""

    path: Path


def record(plan: Path, folder: Path, *, catalogue: str) -> None:
    """Write down beside a plan what it was made from, in `plan.json` for `plan.tfplan`."""
    text = json.dumps(_facts(plan, folder, catalogue), indent=2)
    write_atomically(record_of(plan), f"{text}\n")


def record_of(plan: Path) -> Path:
    """Return where the record of a plan is."""
    return plan.with_suffix(".json")


def verified(plan: Path, folder: Path, *, catalogue: str) -> VerifiedPlan:
    """Return a plan that is still what was shown.

    A state that is not in the folder is compared by Terraform only, when it applies.

    Args:
        plan: The saved plan.
        folder: The stack's.
        catalogue: Which prices are in use now; any string that changes with them.

    Raises:
        StalePlan: The plan, the stack, the state or the prices are not what they were.
        ConfigError: There is no such plan, or its record is missing or damaged.
    """
    try:
        before = json.loads(record_of(plan).read_text(encoding="utf-8"))
        now = _facts(plan, folder, catalogue)
        differs = [name for name in _NAMED if before[name] != now[name]]
    except FileNotFoundError as error:
        raise ConfigError(
            f"{error.filename}: is not there, so there is no plan to apply", hint="Plan first."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{record_of(plan)}: is no record of a plan", hint="Plan again."
        ) from error
    if differs:
        words = [_word(name, before[name], now[name]) for name in differs]
        raise StalePlan(f"{plan}: since it was made, {'; '.join(words)}", hint="Plan again.")
    return VerifiedPlan(path=plan)


def _facts(plan: Path, folder: Path, catalogue: str) -> dict[str, Any]:
    return {
        "plan": _digest([plan]),
        "stack": _digest(sorted([*folder.glob("*.tf"), *folder.glob("*.tf.json")])),
        "catalogue": hashlib.sha256(catalogue.encode()).hexdigest(),
        "serial": _serial(folder / STATE_FILE),
    }


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _serial(state: Path) -> str | None:
    """Return a state's identity and version; its serial alone begins anew with a new state."""
    try:
        document = json.loads(state.read_text(encoding="utf-8"))
        return f"{document['lineage']} {document['serial']}"
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return "damaged"


def _word(name: str, before: str | None, now: str | None) -> str:
    if name == "serial":
        was, has = ((each or "none").rpartition(" ")[2] for each in (before, now))
        return f"the state has changed (serial {was}, now {has})"
    return {
        "plan": "the plan's own file was changed",
        "stack": "the stack was written anew with another content",
        "catalogue": "what is asked for, or a price, has changed",
    }[name]


def _addresses(planned: Iterable[PlannedChange], action: str) -> tuple[str, ...]:
    return tuple(each.address for each in planned if each.action == action)


def _changed_outputs(events: Iterable[Event]) -> tuple[str, ...]:
    return tuple(
        name
        for each in events
        if isinstance(each, Outputs)
        for name, action in each.actions.items()
        if action != _UNCHANGED
    )


def _cause(change: PlannedChange, paths: tuple[str, ...]) -> str:
    why = _CAUSES.get(change.reason, change.reason.replace("_", " ") or "no cause is told")
    return f"{', '.join(paths)} {why}" if paths else why


def _path(steps: Iterable[object]) -> str:
    text = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in steps)
    return text.removeprefix(".")
