"""Make what was ordered: plan, ask, apply, look at what came of it, and put it on record."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infra.cost.standing import standing
from infra.errors import PreflightError, QinfraError
from provision.fleet.holding import held, stacks_held
from provision.fleet.order import catalogue_of
from provision.fleet.pinning import told_host_keys
from provision.fleet.planning import (
    PLAN_FILE,
    discard_plans,
    plan_phase,
    plan_stack,
    saved_plan,
    write_stacks,
)
from provision.fleet.record import FleetRecord, load_fleet, save_fleet
from provision.fleet.states import addresses, groups_of
from provision.machines import machines_of
from provision.terraform.plan import verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from infra.cost.standing import Standing
    from provision.clouds.cloud import Cloud
    from provision.fleet.order import Order
    from provision.fleet.planning import PhasePlan, StackPlan, Tools, Written
    from provision.machines import Machine
    from provision.state import DeploymentFolder
    from provision.terraform.events import Event
    from provision.terraform.plan import PlanSummary

HOST_KEY_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Who does it, and who is asked and told.

    Attributes:
        lines: Prints an apply's events, of the plan with this summary.
        approve: Whether a person agrees to a plan; asked once more for stacks that had to wait,
            if these would lose anything.
        left: Told what stands when an apply did not end well.
        command: What the user typed, for others who find the deployment locked.
    """

    tools: Tools
    cloud: Cloud
    lines: Callable[[PlanSummary], Callable[[Event], object]]
    approve: Callable[[PhasePlan], bool]
    left: Callable[[Standing | None], object]
    command: str
    host_key_seconds: float = HOST_KEY_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How it ended.

    Attributes:
        record: What is on record now.
        plan: What was to be done; without what had to wait.
        agreed: Whether the person agreed; if not, nothing was done.
    """

    record: FleetRecord | None
    plan: PhasePlan
    agreed: bool


def make(
    folder: DeploymentFolder,
    order: Order,
    crew: Crew,
    *,
    seen: FleetRecord | None,
    saved: bool = False,
) -> Made:
    """Bring a deployment to what was ordered.

    Args:
        folder: The deployment's files.
        order: What it shall be.
        crew: Who does it.
        seen: The record that the order was made from.
        saved: Apply the plan that was saved last, if it still is what is ordered.

    Raises:
        ConfigError: A variable, the saved plan or a stack is wrong; nothing was changed.
        PreflightError: Something is missing, a state is locked, or another command works on the
            deployment or has just changed it; nothing was changed.
        StalePlan: The saved plan does not hold any more; nothing was changed.
        RemoteError: An apply failed; `crew.left` was told what stands.
    """
    had_folder = folder.exists()
    folder.create()
    with held(folder, command=crew.command, seen=seen):
        try:
            with stacks_held(folder, command=crew.command) as stacks:
                return _Making(folder, stacks, order, crew).run(saved=saved)
        finally:
            if not had_folder and not folder.fleet_file.exists():
                folder.remove()  # refused before anything was made: no trace


class _Making:
    """One deploy under its lock."""

    def __init__(self, folder: DeploymentFolder, stacks: Path, order: Order, crew: Crew) -> None:
        self._folder = folder
        self._stacks = stacks
        self._order = order
        self._crew = crew

    def run(self, *, saved: bool) -> Made:
        plan = self._plan(saved=saved)
        record = load_fleet(self._folder)
        if plan.is_empty and record and record.status in ("made", "stopped"):
            discard_plans(each.folder for each in plan.stacks)
            record = self._looked(self._as_ordered(record), plan.stacks)
            return Made(record=record, plan=plan, agreed=True)
        if record and record.status == "stopped":
            raise PreflightError(
                f"the machines of {self._folder.name} are stopped, and this would change them",
                hint=f"Run `qinfra start --name {self._folder.name}` first.",
            )
        if not self._crew.approve(plan):
            return Made(record=record, plan=plan, agreed=False)
        return self._made(plan, self._begun(record))

    def _made(self, plan: PhasePlan, record: FleetRecord) -> Made:
        with self._told_when_left(plan):
            for each in plan.stacks:
                if each.summary is not None:
                    self._apply(each, plan.catalogue)
            written = write_stacks(self._order, self._stacks, self._crew.tools)
            agreed = self._apply_waiting(plan, written)
            if agreed:
                for one in written:
                    self._settle(one)
        if not agreed:
            return Made(record=record, plan=plan, agreed=False)
        record = self._looked(replace(record, status="made", applied=record.config), plan.stacks)
        self._step("made", machines=[each.name for each in record.machines])
        return Made(record=record, plan=plan, agreed=True)

    def _plan(self, *, saved: bool) -> PhasePlan:
        if saved:
            return saved_plan(self._stacks, catalogue=catalogue_of(self._order))
        return plan_phase(self._order, self._stacks, self._crew.tools)

    def _as_ordered(self, record: FleetRecord) -> FleetRecord:
        """Return the record of what stands already, which may be asked for in another way now."""
        order = self._order
        return replace(
            record,
            config=order.config,
            applied=order.config,
            resizes=order.resizes,
            values=order.values,
        )

    def _begun(self, record: FleetRecord | None) -> FleetRecord:
        """Put on record what is about to be made, before any of it is."""
        now = datetime.now(UTC)
        begun = FleetRecord(
            deployment=self._folder.name,
            status="applying",
            config=self._order.config,
            applied=record.applied if record else None,
            resizes=self._order.resizes,
            values=self._order.values,
            machines=record.machines if record else (),
            host_keys=record.host_keys if record else {},
            created_at=record.created_at if record else now.isoformat(timespec="seconds"),
        )
        save_fleet(self._folder, begun)
        self._step("applying")
        return begun

    def _apply(self, each: StackPlan, catalogue: str) -> None:
        if each.summary is None or (each.summary.is_empty and not each.summary.outputs):
            return
        self._crew.tools.say(f"{each.name}: applying, changes: {each.summary.resources}")
        plan = verified(each.plan, each.folder, catalogue=catalogue)
        self._crew.tools.terraform(each.folder, self._crew.lines(each.summary)).apply(plan)
        each.plan.unlink(missing_ok=True)  # it holds secrets in clear, and is of no use any more
        self._step("applied", stack=each.name)

    def _settle(self, each: Written) -> None:
        """Take into the state what things became by each other, as a bucket by its policy.

        Else the first look for drift would find all of it.
        """
        self._crew.tools.say(f"{each.stack.name}: settling the state")
        terraform, plan = self._crew.tools.terraform(each.folder), each.folder / PLAN_FILE
        terraform.plan(plan, mode="refresh-only", variables=each.values)
        terraform.apply(verified(plan, each.folder, catalogue=""))
        plan.unlink(missing_ok=True)

    def _apply_waiting(self, plan: PhasePlan, written: Sequence[Written]) -> bool:
        """Plan and apply what had to wait for others; returns whether it was agreed to."""
        waited = [
            plan_stack(each, self._crew.tools, catalogue=plan.catalogue)
            for each in written
            if each.stack.name in plan.waiting
        ]
        loses = any(
            each.summary and (each.summary.destroys or each.summary.replacements) for each in waited
        )
        if loses and not self._crew.approve(replace(plan, stacks=tuple(waited))):
            return False
        for each in waited:
            self._apply(each, plan.catalogue)
        return True

    def _looked(self, record: FleetRecord, stacks: Sequence[StackPlan]) -> FleetRecord:
        """Put on record which machines there are, and the host keys of the new ones."""
        machines = tuple(each for stack in stacks for each in self._machines(stack.folder))
        kept = {
            each.id: record.host_keys[each.id] for each in machines if each.id in record.host_keys
        }
        seen = replace(record, machines=machines, host_keys=kept)
        save_fleet(self._folder, seen)
        if seen.status == "stopped" or not seen.unpinned:
            return seen
        say = self._crew.tools.say
        told = told_host_keys(self._crew.cloud, seen.unpinned, self._crew.host_key_seconds, say)
        seen = replace(seen, host_keys={**kept, **told})
        save_fleet(self._folder, seen)
        return seen

    def _machines(self, folder: Path) -> tuple[Machine, ...]:
        outputs = {
            name: each.value for name, each in self._crew.tools.terraform(folder).output().items()
        }
        alone = machines_of(outputs)
        groups = groups_of(outputs)
        if not groups:
            return alone
        return (*alone, *self._crew.cloud.members(groups, str(outputs["region"])))

    @contextmanager
    def _told_when_left(self, plan: PhasePlan) -> Iterator[None]:
        try:
            yield
        except BaseException:
            discard_plans(each.folder for each in plan.stacks)
            self._crew.left(self._standing(plan))
            self._step("left half made")
            raise

    def _standing(self, plan: PhasePlan) -> Standing | None:
        """Return what stands; None when the states cannot be read."""
        made: dict[str, tuple[str, ...]] = {}
        try:
            for each in plan.stacks:
                state = self._crew.tools.terraform(each.folder).state() if each.summary else {}
                made[each.name.removeprefix(f"{plan.phase}-")] = addresses(state)
        except QinfraError:
            return None
        return standing(self._order.config, self._order.cost, made)

    def _step(self, step: str, **details: object) -> None:
        self._folder.record(step, datetime.now(UTC), **details)
