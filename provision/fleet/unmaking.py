"""Take a deployment down: show what goes, ask, destroy, and see that nothing of it is left."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infra.errors import PreflightError, RemoteError
from provision.fleet.holding import held, stacks_held
from provision.fleet.planning import PLAN_FILE, StackPlan, discard_plans, plan_stack, write_stacks
from provision.fleet.record import save_fleet
from provision.fleet.states import addresses
from provision.sweep import is_last_copy
from provision.terraform.plan import verified

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from provision.clouds.cloud import Cloud, Found
    from provision.fleet.order import Order
    from provision.fleet.planning import Tools, Written
    from provision.fleet.record import FleetRecord
    from provision.state import DeploymentFolder
    from provision.terraform.events import Event
    from provision.terraform.plan import PlanSummary

_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wreckers:
    """Who takes it down, and who is asked and told.

    Attributes:
        lines: Prints an apply's events, of the plan with this summary.
        approve: Whether a person agrees to what goes, stack by stack.
        command: What the user typed, for others who find the deployment locked.
        refresh: Whether the cloud is asked first what is there; without, a state that names what
            cannot be read any more does not stand in the way.
        linger_seconds: How long what is still tagged may take to vanish: a cloud's own index of
            tags is late by a minute or two.
    """

    tools: Tools
    cloud: Cloud
    lines: Callable[[PlanSummary], Callable[[Event], object]]
    approve: Callable[[Sequence[StackPlan]], bool]
    command: str
    refresh: bool
    linger_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmade:
    """How it ended.

    Attributes:
        agreed: Whether the person agreed; if not, nothing was destroyed.
        left: What the cloud still has with the deployment's tag.
        kept: Of that tag, what is left behind on purpose; see `is_last_copy`.
        unknown: Why nobody knows what is left; empty when it is known.
    """

    agreed: bool
    left: tuple[Found, ...] = ()
    kept: tuple[Found, ...] = ()
    unknown: str = ""


def unmake(
    folder: DeploymentFolder, record: FleetRecord, order: Order, wreckers: Wreckers
) -> Unmade:
    """Destroy a deployment in a cloud.

    Its folder goes when nothing is left, and stays when something is, or nobody knows.

    Args:
        folder: The deployment's files.
        record: What is on record.
        order: What it was last brought to.
        wreckers: Who does it.

    Raises:
        PreflightError: A state is locked, or another command works on the deployment or has just
            changed it.
        RemoteError: Some of it could not be destroyed; the same command goes on.
    """
    command = wreckers.command
    with (
        held(folder, command=command, seen=record),
        stacks_held(folder, command=command) as stacks,
    ):
        return _Unmaking(folder, record, wreckers).run(order, stacks)


class _Unmaking:
    """One destroy under its lock."""

    def __init__(self, folder: DeploymentFolder, record: FleetRecord, wreckers: Wreckers) -> None:
        self._folder = folder
        self._record = record
        self._wreckers = wreckers

    def run(self, order: Order, stacks: Path) -> Unmade:
        written = write_stacks(order, stacks, self._wreckers.tools)
        try:
            return self._unmade(written)
        finally:
            discard_plans(each.folder for each in written)

    def _unmade(self, written: Sequence[Written]) -> Unmade:
        # What stands above the regions was made last, and goes first.
        doomed = [(each, self._planned(each)) for each in reversed(written)]
        if not self._wreckers.approve([plan for _, plan in doomed]):
            return Unmade(agreed=False)
        save_fleet(self._folder, replace(self._record, status="destroying"))
        self._folder.record("destroying", datetime.now(UTC))
        for each, plan in doomed:
            if plan.summary and not plan.summary.is_empty:
                self._destroy(each, plan)
        done = self._looked()
        if not done.left and not done.unknown:
            self._folder.remove_stacks()
            self._folder.remove()
        return done

    def _planned(self, each: Written) -> StackPlan:
        return plan_stack(
            each, self._wreckers.tools, mode="destroy", refresh=self._wreckers.refresh
        )

    def _destroy(self, each: Written, plan: StackPlan) -> None:
        if self._unprotected(each):
            plan = self._planned(each)
        if plan.summary is None:
            return
        self._wreckers.tools.say(f"{plan.name}: destroying, resources: {plan.summary.resources}")
        self._apply(plan.folder, plan.summary)
        self._folder.record("destroyed", datetime.now(UTC), stack=plan.name)

    def _unprotected(self, each: Written) -> bool:
        """Let the cloud delete what it was told to keep; returns whether anything was to be done.

        Only what stands is touched: a stack that was left half made is not completed first.
        """
        there = set(addresses(self._wreckers.tools.terraform(each.folder).state()))
        protections = each.stack.protections
        targets = tuple(
            address for protected in protections.values() for address in protected
            if address in there
        )  # fmt: skip
        if not targets:
            return False
        off = {**each.values, **dict.fromkeys(protections, False)}
        self._wreckers.tools.say(f"{each.stack.name}: lifting the protection of what goes")
        planned = self._wreckers.tools.terraform(each.folder).plan(
            each.folder / PLAN_FILE, variables=off, targets=targets
        )
        if planned.summary.is_empty:
            return False
        self._apply(each.folder, planned.summary)
        return True

    def _apply(self, folder: Path, summary: PlanSummary) -> None:
        plan = folder / PLAN_FILE
        self._wreckers.tools.terraform(folder, self._wreckers.lines(summary)).apply(
            verified(plan, folder, catalogue="")
        )
        plan.unlink(missing_ok=True)

    def _looked(self) -> Unmade:
        """Ask the cloud what still carries the deployment's tag, until nothing does or time is up.

        A cloud's index of tags still names for a while what has gone.
        """
        ends_at = time.monotonic() + self._wreckers.linger_seconds
        say = self._wreckers.tools.say
        while True:
            try:
                found = self._wreckers.cloud.tagged(self._record.config.regions)
            except (PreflightError, RemoteError) as error:
                return Unmade(agreed=True, unknown=str(error))
            ours = [each for each in found if each.deployment == self._folder.name]
            kept = tuple(each for each in ours if is_last_copy(each))
            left = tuple(each for each in ours if each not in kept)
            remaining = ends_at - time.monotonic()
            if not left or remaining <= 0:
                return Unmade(agreed=True, left=left, kept=kept)
            say(f"waiting until {len(left)} tagged things are gone, {remaining:.0f} s at most")
            time.sleep(min(_PAUSE_SECONDS, remaining))
