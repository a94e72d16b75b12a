"""What Terraform would do for a phase: its stacks written, each planned, with the price beside."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - as below
from typing import TYPE_CHECKING

from infra.backend import LOCAL, States
from infra.declaration import Phase  # noqa: TC001 - read at run time, with a saved plan
from infra.documents import from_json, to_json
from infra.domain import unknown
from infra.errors import ConfigError
from infra.stacks.cdk import synthesise
from infra.stacks.names import check_deployment
from infra.stacks.phases import stacks_of
from provision.files import write_atomically
from provision.fleet.order import (
    Bill,
    QuotaEffect,
    bill_of,
    catalogue_of,
    notes_of,
    quota_effects,
)
from provision.fleet.states import states_that_hold
from provision.rollout.batches import Batch, batches
from provision.terraform.plan import PlanSummary, verified
from provision.terraform.run import Terraform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from decimal import Decimal

    from infra.backend import Backend
    from infra.stacks.blocks import Stack
    from provision.fleet.order import Order
    from provision.fleet.record import Value
    from provision.terraform.binary import Binary
    from provision.terraform.events import Event
    from provision.terraform.run import Mode

PLAN_FILE = "plan.tfplan"
_SAVED_FILE = "plan.json"
_DATA_FOLDER = ".terraform"
_MOST_DIGITS = 16
# The role, then a tenant's name where it is one's own.
_NODE = re.compile(
    r"(?:aws|google_compute)_instance\.(?P<role>[a-z]+)(?P<tenant>_\w+)?_(?P<number>\d+)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPlan:
    """One stack's plan.

    Attributes:
        folder: Of the stack, with its saved plan.
        summary: None when it cannot be planned yet.
        waits_for: Stacks whose outputs it reads, and that have not been applied.
    """

    name: str
    folder: Path
    summary: PlanSummary | None
    waits_for: tuple[str, ...] = ()

    @property
    def plan(self) -> Path:
        """Where the plan is saved."""
        return self.folder / PLAN_FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasePlan:
    """A phase's plan, and what it costs once it stands.

    Attributes:
        nodes: Instances and cache nodes.
        batches: In which a release would reach the nodes that are made or made anew.
        notes: What to know beside the figures.
        catalogue: Digest of what was asked for and of the prices; see `catalogue_of`.
    """

    deployment: str
    phase: Phase
    regions: tuple[str, ...]
    nodes: int
    stacks: tuple[StackPlan, ...]
    bill: Bill
    quotas: tuple[QuotaEffect, ...]
    batches: tuple[Batch, ...]
    notes: tuple[str, ...]
    catalogue: str

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be done to any resource."""
        return all(each.summary is not None and each.summary.is_empty for each in self.stacks)

    @property
    def waiting(self) -> tuple[str, ...]:
        """Names of the stacks that can be planned only after others are applied."""
        return tuple(each.name for each in self.stacks if each.summary is None)

    @property
    def monthly_usd(self) -> Decimal:
        """A month of the phase as it is asked for."""
        return self.bill.monthly_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a plan is made with.

    Attributes:
        environ: The user's, with the credentials.
        on_event: Told what Terraform says.
        say: Told which step begins.
        backend: Where the states are.
    """

    binary: Binary
    environ: Mapping[str, str]
    on_event: Callable[[Event], object]
    say: Callable[[str], object]
    backend: Backend = LOCAL

    def terraform(
        self, folder: Path, on_event: Callable[[Event], object] | None = None
    ) -> Terraform:
        """Return the Terraform of a stack's folder, whose events go to `on_event` if that is given.

        Raises:
            ConfigError: There is no such folder.
        """
        return Terraform(folder, self.binary, self.environ, on_event or self.on_event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A stack that is on disk.

    Attributes:
        values: Of its own variables.
    """

    stack: Stack
    folder: Path
    values: Mapping[str, Value]


def plan_phase(order: Order, folder: Path, tools: Tools) -> PhasePlan:
    """Write a phase's stacks under a folder, and plan each.

    Args:
        order: What is asked for; each stack gets those of its values that it knows.
        folder: Is there, keeps stacks, states and plans, and is named for the deployment.
        tools: Terraform and whom to tell.

    Raises:
        ConfigError: The deployment's name does not fit the cloud's, or is another phase's already;
            a variable is unknown to all stacks, or a stack is not valid.
        PreflightError: Node.js, the CDK, a provider or credentials are missing; a state is locked.
        RemoteError: Terraform was stopped.
    """
    catalogue = catalogue_of(order)
    written = write_stacks(order, folder, tools)
    plans = tuple(plan_stack(each, tools, catalogue=catalogue) for each in written)
    plan = PhasePlan(
        deployment=folder.name,
        phase=order.config.phase,
        regions=order.config.regions,
        nodes=order.cost.nodes,
        stacks=plans,
        bill=bill_of(order),
        quotas=quota_effects(order),
        batches=batches(_nodes_made(plans)),
        notes=notes_of(order),
        catalogue=catalogue,
    )
    write_atomically(folder / _SAVED_FILE, f"{to_json(plan)}\n")
    return plan


def write_stacks(order: Order, folder: Path, tools: Tools) -> tuple[Written, ...]:
    """Write a phase's stacks under a folder.

    Raises:
        ConfigError: A variable is unknown to all stacks.
        PreflightError: Node.js or the CDK is missing.
    """
    check_deployment(folder.name)
    _of_one_phase(order.config.phase, folder)
    stacks = stacks_of(order.config)
    _known(order.values, stacks)
    tools.say(f"writing stacks to {folder}: {', '.join(each.name for each in stacks)}")
    files = synthesise(stacks, folder, States(backend=tools.backend, deployment=folder.name))
    given: Mapping[str, Value] = {"deployment": folder.name, **order.values}
    return tuple(
        Written(
            stack=stack,
            folder=file.parent,
            values={each.name: given[each.name] for each in stack.variables if each.name in given},
        )
        for stack, file in zip(stacks, files, strict=True)
    )


def plan_stack(
    written: Written,
    tools: Tools,
    *,
    catalogue: str = "",
    mode: Mode = "change",
    refresh: bool = True,
) -> StackPlan:
    """Plan a stack, or say what it waits for.

    Raises:
        QinfraError: As `plan_phase`.
    """
    stack, folder = written.stack, written.folder
    missing = tuple(name for name in stack.reads if not is_applied(folder.parent / name, tools))
    if missing:
        return StackPlan(name=stack.name, folder=folder, summary=None, waits_for=missing)
    terraform = tools.terraform(folder)
    tools.say(f"{stack.name}: fetching providers")
    terraform.init()
    tools.say(f"{stack.name}: planning")
    planned = terraform.plan(
        folder / PLAN_FILE,
        mode=mode,
        variables=written.values,
        catalogue=catalogue,
        refresh=refresh,
    )
    return StackPlan(name=stack.name, folder=folder, summary=planned.summary)


def is_applied(folder: Path, tools: Tools) -> bool:
    """Return whether a stack has outputs for others to read, wherever its state is.

    Args:
        folder: The stack's.
        tools: Terraform, which is asked.

    Raises:
        PreflightError: The backend cannot be reached.
    """
    terraform = tools.terraform(folder)
    if not (folder / _DATA_FOLDER).is_dir():
        terraform.init()
    return bool(terraform.output())


def saved_plan(folder: Path, *, catalogue: str | None = None) -> PhasePlan:
    """Return the plan that was last made here, as long as it is still what would be applied.

    Args:
        folder: As of `plan_phase`.
        catalogue: Digest of what is asked for now; not compared when None.

    Raises:
        ConfigError: There is none, or it is damaged.
        StalePlan: The plan, its stack, the state, the prices or the configuration have changed.
    """
    file = folder / _SAVED_FILE
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: there is no saved plan", hint="Run `qinfra plan`.") from error
    plan = from_json(PhasePlan, text, source=str(file))
    for each in plan.stacks:
        if each.summary is not None:
            verified(each.plan, each.folder, catalogue=catalogue or plan.catalogue)
    return plan


def discard_plans(stacks: Iterable[Path]) -> None:
    """Remove the saved plans of stacks, as they hold secrets in clear; none need be there."""
    for folder in stacks:
        (folder / PLAN_FILE).unlink(missing_ok=True)


def parse_values(pairs: Iterable[str]) -> dict[str, Value]:
    """Return the variables of `KEY=VALUE` flags; true, false and numbers as what they are.

    Raises:
        ConfigError: One is not of this form.
    """
    values: dict[str, Value] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise ConfigError(
                f"--var '{pair}' is not KEY=VALUE",
                hint="For example --var operator_cidr=203.0.113.7/32.",
            )
        values[key.strip()] = _value(text)
    return values


def _value(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    if text.isascii() and text.isdecimal() and len(text) < _MOST_DIGITS and str(int(text)) == text:
        return int(text)
    return text  # also what begins with 0, as the id of an account may


def _known(values: Mapping[str, object], stacks: Sequence[Stack]) -> None:
    variables = {variable.name: variable for stack in stacks for variable in stack.variables}
    for name in values:
        if name not in variables:
            raise unknown("variable", name, variables)
        if variables[name].sensitive:
            raise ConfigError(
                f"variable {name} is a secret, and --var shows it to every user of this machine",
                hint=f"Set the environment variable TF_VAR_{name}.",
            )


def _of_one_phase(phase: Phase, folder: Path) -> None:
    """Names in a cloud carry the deployment, not the phase: two phases of one would clash."""
    for state in states_that_hold(folder):
        other, _, _ = state.parent.name.partition("-")
        if other != phase:
            raise ConfigError(
                f"deployment '{folder.name}' is of phase {other}: {state} has its resources",
                hint=f"Choose another --name for phase {phase}, as --name {phase}.",
            )


def _nodes_made(plans: Sequence[StackPlan]) -> dict[str, str]:
    """Return the role of each node that is made or made anew, by its name with its stack's."""
    several = len(plans) > 1
    made = {}
    for each in plans:
        if each.summary is None:
            continue
        for address in (*each.summary.adds, *(r.address for r in each.summary.replacements)):
            if node := _NODE.fullmatch(address):
                owner = (node["tenant"] or "").replace("_", "-")
                name = f"{node['role']}{owner}-{node['number']}"
                made[f"{each.name}/{name}" if several else name] = node["role"]
    return made
