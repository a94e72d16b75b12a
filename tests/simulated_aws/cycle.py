"""A phase's life in the simulated AWS, by our own driver: planned, applied, planned, destroyed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.cost.estimate import estimate
from infra.declaration import Phase
from infra.phases import phase_config
from provision.planning import PLAN_FILE, PhasePlan, StackPlan, Tools, plan_phase
from provision.prices import load_prices
from provision.terraform.binary import find_binary
from provision.terraform.plan import PlanSummary, verified
from provision.terraform.run import Terraform


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """A deployment in a folder named for it."""

    phase: Phase
    folder: Path
    environ: Mapping[str, str]
    values: Mapping[str, object]

    def plan(self) -> PhasePlan:
        """Plan all stacks."""
        config = phase_config(self.phase, GUIDE_NETWORK, Assumptions())
        cost = estimate(config, load_prices(), Assumptions())
        self.folder.mkdir(parents=True, exist_ok=True)
        return plan_phase(config, cost, self.folder, self.values, self._tools)

    def apply(self, stack: StackPlan) -> None:
        """Do what a stack's plan says."""
        self._terraform(stack).apply(verified(stack.folder / PLAN_FILE, stack.folder, catalogue=""))

    def plan_to_destroy(self, stack: StackPlan, **values: object) -> PlanSummary:
        """Plan a stack's end."""
        terraform = self._terraform(stack)
        known = {"deployment": self.folder.name, **self.values, **values}
        saved = stack.folder / PLAN_FILE
        return terraform.plan(saved, mode="destroy", variables=known).summary

    def outputs(self, stack: StackPlan) -> dict[str, object]:
        """Return what a stack tells."""
        return {name: each.value for name, each in self._terraform(stack).output().items()}

    def _terraform(self, stack: StackPlan) -> Terraform:
        tools = self._tools
        return Terraform(stack.folder, tools.binary, tools.environ, tools.on_event)

    @property
    def _tools(self) -> Tools:
        environ = {**os.environ, **self.environ}
        return Tools(
            binary=find_binary(environ["QINFRA_TERRAFORM"], environ),
            environ=environ,
            on_event=lambda _: None,
            say=lambda _: None,
        )
