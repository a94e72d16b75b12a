"""Needs against limits: nothing is ok that was not seen to fit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

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
    Answer,
    Finding,
    addresses_needed,
    budget_finding,
    clock_finding,
    ec2_quota,
    prices_finding,
    quota_answer,
    quota_finding,
    raise_request,
    stopping,
    vcpus_needed,
    zones_finding,
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


@given(need=AMOUNTS, limit=AMOUNTS, in_use=AMOUNTS)
def test_a_quota_is_refused_only_with_a_request(need: int, limit: int, in_use: int) -> None:
    finding = quota_finding(SPOT_G, "eu-west-1", need, limit=limit, in_use=in_use)
    assert (finding.answer is Answer.REFUSED) == bool(finding.short) == bool(finding.remedy)
    assert not finding.short or f"--desired-value {need + in_use} " in finding.remedy


def test_a_zone_counts_once_and_by_its_id() -> None:
    twice = zones_finding("us-east-1", "g4dn.xlarge", ["use1-az1", "use1-az1"], 2)
    assert (twice.answer, twice.have, twice.short) == (Answer.REFUSED, 1, 1)
    assert zones_finding("us-east-1", "g4dn.xlarge", ["use1-az4", "use1-az1"], 2).answer == "ok"
    assert "in 0 zones, 1 needed" in zones_finding("us-east-1", "g4dn.xlarge", [], 1).detail


@pytest.mark.parametrize(
    ("seconds", "answer", "words"),
    [
        (0, "ok", "agrees"),
        (300, "ok", "ahead of"),
        (301, "refused", "301 s ahead of"),
        (-3_600, "refused", "3,600 s behind"),
    ],
)
def test_a_clock_may_be_five_minutes_wrong(seconds: int, answer: str, words: str) -> None:
    theirs = datetime(2026, 11, 24, tzinfo=UTC)
    finding = clock_finding(theirs, theirs + timedelta(seconds=seconds))
    assert finding.answer == answer
    assert words in finding.detail


@pytest.mark.parametrize(
    ("monthly", "unpriced", "answer"),
    [("100", 0, "ok"), ("99.99", 1, "unknown"), ("100.01", 0, "refused"), ("101", 3, "refused")],
)
def test_a_budget_with_gaps_is_kept_by_nobodys_word(
    monthly: str, unpriced: int, answer: str
) -> None:
    assert budget_finding(Decimal(monthly), unpriced, Decimal(100)).answer == answer


def test_a_price_gap_is_counted() -> None:
    assert prices_finding(Decimal(5), 20, 0).answer == "ok"
    gap = prices_finding(Decimal(5), 20, 3)
    assert (gap.answer, gap.detail) == ("unknown", "17 of 20 lines are priced, 5.00 USD a month")


def test_what_is_unknown_stops_only_the_strict() -> None:
    findings = [
        Finding(check=answer.value, region="", answer=answer, detail="") for answer in Answer
    ]
    assert [each.check for each in stopping(findings, strict=False)] == ["refused"]
    assert [each.check for each in stopping(findings, strict=True)] == ["refused", "unknown"]
