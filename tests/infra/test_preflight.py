"""Needs against limits: nothing is ok that was not seen to fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.declaration import Phase, PhaseConfig
from infra.errors import ConfigError
from infra.phases import PhaseWishes, phase_config
from infra.preflight import (
    ON_DEMAND_G,
    SPOT_G,
    addresses_needed,
    ec2_quota,
    quota_answer,
    raise_request,
    vcpus_needed,
)
from infra.purchase import Purchase

AMOUNTS = some.integers(0, 100_000)


def config(phase: Phase, pipelines: int | None = None) -> PhaseConfig:
    return phase_config(phase, GUIDE_NETWORK, Assumptions(), PhaseWishes(pipelines=pipelines))


@given(need=AMOUNTS, limit=AMOUNTS, in_use=AMOUNTS)
def test_the_desired_limit_is_the_lowest_that_fits(need: int, limit: int, in_use: int) -> None:
    answer = quota_answer(need, limit, in_use)
    assert quota_answer(need, answer.desired, in_use).short == 0
    assert need == 0 or quota_answer(need, answer.desired - 1, in_use).short == 1
    assert (answer.short == 0) == (need <= answer.have)


@given(need=AMOUNTS, limit=AMOUNTS, in_use=AMOUNTS, more=AMOUNTS)
def test_a_higher_limit_never_leaves_more_missing(
    need: int, limit: int, in_use: int, more: int
) -> None:
    before, after = (quota_answer(need, each, in_use) for each in (limit, limit + more))
    assert after.short <= before.short
    assert after.have >= before.have


@pytest.mark.parametrize("wrong", [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_a_negative_amount_is_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ConfigError):
        quota_answer(*wrong)


@given(phase=some.sampled_from(Phase), pipelines=some.integers(3, 200))
def test_every_instance_counts_and_managed_nodes_do_not(phase: Phase, pipelines: int) -> None:
    declared = config(phase, pipelines)
    instances = sum(group.maximum for group in declared.groups if group.role != "cache")
    needs = vcpus_needed(declared)
    assert sum(needs.values()) == 4 * instances
    assert set(needs) == set(declared.regions)
    assert all(needs.values())


def test_the_demo_takes_three_machines_of_four_vcpus_and_two_addresses() -> None:
    declared = config(Phase.DEMO)
    assert vcpus_needed(declared) == {"us-central1": 12}
    assert addresses_needed(declared) == 2


@pytest.mark.parametrize("purchase", Purchase)
def test_only_spot_has_a_quota_of_its_own(purchase: Purchase) -> None:
    assert ec2_quota(purchase) is (SPOT_G if purchase is Purchase.SPOT else ON_DEMAND_G)


def test_the_request_can_be_pasted() -> None:
    assert raise_request(SPOT_G, "us-east-1", 32) == (
        "aws service-quotas request-service-quota-increase --service-code ec2 "
        "--quota-code L-3819A6DF --desired-value 32 --region us-east-1"
    )
