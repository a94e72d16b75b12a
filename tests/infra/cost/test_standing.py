from __future__ import annotations

from decimal import Decimal

import pytest

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.cost.estimate import CostReport, estimate
from infra.cost.standing import standing
from infra.declaration import Phase, PhaseConfig
from infra.phases import PhaseWishes, phase_config
from infra.purchase import Purchase
from infra.stacks.phases import stacks_of
from infra.units import HOURS_PER_MONTH
from provision.prices import load_prices


def priced(phase: Phase) -> tuple[PhaseConfig, CostReport]:
    wishes = PhaseWishes(purchase=Purchase.ON_DEMAND)
    config = phase_config(phase, GUIDE_NETWORK, Assumptions(), wishes)
    return config, estimate(config, load_prices(), Assumptions())


def all_of(config: PhaseConfig) -> dict[str, tuple[str, ...]]:
    return {
        stack.name.removeprefix(f"{config.phase}-"): tuple(
            block.address for block in stack.blocks if block.mode == "resource"
        )
        for stack in stacks_of(config)
    }


@pytest.mark.parametrize("phase", list(Phase))
def test_a_whole_phase_costs_what_it_does_without_what_is_used(phase: Phase) -> None:
    config, cost = priced(phase)
    found = standing(config, cost, all_of(config))
    by_use = ("traffic", "operations")
    fixed = sum(
        (line.monthly_usd or Decimal(0) for line in cost.lines if line.category not in by_use),
        Decimal(0),
    )
    assert found.machines == sum(
        count for role, count in config.counts.by_role().items() if role != "cache"
    )
    assert 0 < found.hourly_usd <= cost.monthly_usd / HOURS_PER_MONTH
    assert found.hourly_usd >= Decimal("0.9") * fixed / HOURS_PER_MONTH


def test_half_of_the_machines_cost_half() -> None:
    config, cost = priced(Phase.MVP)
    machines = [f"aws_instance.transformer_{n}" for n in (1, 2)]
    one = standing(config, cost, {"us-east-1": machines[:1]})
    two = standing(config, cost, {"us-east-1": machines})
    assert (one.machines, two.machines) == (1, 2)
    assert two.hourly_usd == 2 * one.hourly_usd > 0


def test_nothing_costs_nothing() -> None:
    config, cost = priced(Phase.MVP)
    found = standing(config, cost, {})
    assert (found.resources, found.machines, found.hourly_usd) == (0, 0, 0)


def test_free_things_cost_nothing() -> None:
    config, cost = priced(Phase.MVP)
    made = {"us-east-1": ("aws_vpc.main", "aws_iam_role.transformer")}
    assert standing(config, cost, made).hourly_usd == 0
