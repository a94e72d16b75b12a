"""What Terraform would do for a phase: its stacks written, each planned, with the price beside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.domain import unknown
from infra.errors import ConfigError
from infra.stacks.cdk import STATE_FILE, synthesise
from infra.stacks.names import check_deployment
from infra.stacks.phases import stacks_of
from provision.terraform.run import Terraform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from infra.cost.estimate import CostReport
    from infra.declaration import Phase, PhaseConfig
    from infra.stacks.blocks import Stack
    from provision.terraform.binary import Binary
    from provision.terraform.events import Event
    from provision.terraform.plan import PlanSummary

PLAN_FILE = "plan.tfplan"
_STATES = "terraform_remote_state"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPlan:
    """One stack's plan.

    Attributes:
        folder: Of the stack, with its saved plan.
        summary: None when it cannot be planned yet.
        waits_for: States it reads, of stacks that have not been applied.
    """

    name: str
    folder: Path
    summary: PlanSummary | None
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasePlan:
    """A phase's plan, and what it costs once it stands."""

    deployment: str
    stacks: tuple[StackPlan, ...]
    cost: CostReport

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be done to any resource."""
        return all(each.summary is not None and each.summary.is_empty for each in self.stacks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a plan is made with.

    Attributes:
        environ: The user's, with the credentials.
        on_event: Told what Terraform says.
        say: Told which step begins.
    """

    binary: Binary
    environ: Mapping[str, str]
    on_event: Callable[[Event], object]
    say: Callable[[str], object]


def plan_phase(
    config: PhaseConfig,
    cost: CostReport,
    folder: Path,
    values: Mapping[str, object],
    tools: Tools,
) -> PhasePlan:
    """Write a phase's stacks under a folder, and plan each.

    Args:
        config: The phase.
        cost: Of the same configuration.
        folder: Is there, keeps stacks, states and plans, and is named for the deployment.
        values: Of the stacks' variables; each stack gets those it knows.
        tools: Terraform and whom to tell.

    Raises:
        ConfigError: The deployment's name does not fit the cloud's, or is another phase's already;
            a variable is unknown to all stacks, or a stack is not valid.
        PreflightError: Node.js, the CDK, a provider or credentials are missing; a state is locked.
        RemoteError: Terraform was stopped.
    """
    known = {"deployment": folder.name, **values}
    check_deployment(str(known["deployment"]))
    _of_one_phase(config.phase, folder)
    stacks = stacks_of(config)
    _known(values, stacks)
    tools.say(f"writing {len(stacks)} stacks to {folder}")
    files = synthesise(stacks, folder)
    plans = tuple(
        _plan(stack, file.parent, known, tools) for stack, file in zip(stacks, files, strict=True)
    )
    return PhasePlan(deployment=folder.name, stacks=plans, cost=cost)


def parse_values(pairs: Iterable[str]) -> dict[str, object]:
    """Return the variables of `KEY=VALUE` flags; true, false and numbers as what they are.

    Raises:
        ConfigError: One is not of this form.
    """
    values: dict[str, object] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise ConfigError(
                f"--var '{pair}' is not KEY=VALUE",
                hint="For example --var operator_cidr=203.0.113.7/32.",
            )
        values[key.strip()] = _value(text)
    return values


def _value(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else text


def _of_one_phase(phase: Phase, folder: Path) -> None:
    """Names in a cloud carry the deployment, not the phase: two phases of one would clash."""
    for state in sorted(folder.glob(f"stacks/*/{STATE_FILE}")):
        other, _, _ = state.parent.name.partition("-")
        if other != phase and json.loads(state.read_text(encoding="utf-8")).get("resources"):
            raise ConfigError(
                f"deployment '{folder.name}' is of phase {other}: {state} has its resources",
                hint=f"Choose another --name for phase {phase}, as --name {phase}.",
            )


def _known(values: Mapping[str, object], stacks: tuple[Stack, ...]) -> None:
    names = {variable.name for stack in stacks for variable in stack.variables}
    for name in values:
        if name not in names:
            raise unknown("variable", name, names)


def _plan(stack: Stack, folder: Path, values: Mapping[str, object], tools: Tools) -> StackPlan:
    missing = tuple(state for state in _states_read(stack) if not (folder / state).exists())
    if missing:
        return StackPlan(name=stack.name, folder=folder, summary=None, waits_for=missing)
    mine = {variable.name for variable in stack.variables}
    terraform = Terraform(folder, tools.binary, tools.environ, tools.on_event)
    tools.say(f"{stack.name}: fetching providers")
    terraform.init()
    tools.say(f"{stack.name}: planning")
    planned = terraform.plan(
        folder / PLAN_FILE,
        variables={name: value for name, value in values.items() if name in mine},
    )
    return StackPlan(name=stack.name, folder=folder, summary=planned.summary)


def _states_read(stack: Stack) -> tuple[str, ...]:
    return tuple(
        str(block.arguments["config"]["path"])
        for block in stack.of_kind(_STATES)
        if block.mode == "data"
    )
