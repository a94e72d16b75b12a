from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.cost.bill import bill, egress_tiers
from infra.cost.diff import cost_diff
from infra.cost.estimate import CostReport, estimate
from infra.declaration import Phase, PhaseConfig
from infra.errors import ConfigError
from infra.phases import PhaseWishes, phase_config
from infra.pricing.catalogue import packaged_prices
from infra.purchase import Purchase


def declared(
    phase: Phase, purchase: Purchase = Purchase.ON_DEMAND, adoption: float = 0.025
) -> PhaseConfig:
    assumptions = Assumptions(adoption=adoption)
    return phase_config(phase, GUIDE_NETWORK, assumptions, PhaseWishes(purchase=purchase))


def cost(
    phase: Phase, purchase: Purchase = Purchase.ON_DEMAND, adoption: float = 0.025
) -> CostReport:
    return estimate(
        declared(phase, purchase, adoption), packaged_prices(), Assumptions(adoption=adoption)
    )


@pytest.mark.parametrize(
    ("phase", "purchase", "monthly"),
    [
        (Phase.DEMO, Purchase.ON_DEMAND, "291.27"),  # three n1-standard-4, sustained use
        (Phase.MVP, Purchase.ON_DEMAND, "2303.88"),
        (Phase.MVP, Purchase.RESERVED_1Y_NO, "1449.78"),
        (Phase.MVP, Purchase.RESERVED_3Y_ALL, "866.33"),
    ],
)
def test_known_prices_of_the_instances(phase: Phase, purchase: Purchase, monthly: str) -> None:
    assert round(cost(phase, purchase).compute_usd, 2) == Decimal(monthly)


def test_upfront_cash_is_shown_beside_the_amortised_month() -> None:
    report = cost(Phase.MVP, Purchase.RESERVED_1Y_ALL)
    assert report.upfront_usd == 6 * 2_709
    assert round(report.monthly_usd - report.recurring_usd, 2) == Decimal("1354.50")
    assert report.break_even_months is not None
    assert round(report.break_even_months, 2) == Decimal("7.06")


def test_spot_lies_between_its_lowest_and_on_demand() -> None:
    report = cost(Phase.MVP, Purchase.SPOT)
    assert report.low_usd < report.monthly_usd < report.high_usd
    assert report.high_usd == cost(Phase.MVP).monthly_usd


def test_what_has_no_price_is_counted_and_never_zero() -> None:
    report = cost(Phase.PRODUCTION)
    unpriced = [line for line in report.lines if line.unit_usd is None]
    assert len(unpriced) == report.unpriced > 0
    assert all(line.monthly_usd is None and not line.source for line in unpriced)
    assert all(line.source and line.date for line in report.lines if line.unit_usd is not None)


def test_a_purchase_without_a_price_has_no_break_even() -> None:
    report = cost(Phase.DEMO, Purchase.RESERVED_1Y_NO)
    assert report.break_even_months is None
    assert report.compute_usd == 0
    assert report.unpriced >= 3


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("purchase", Purchase)
def test_a_saved_report_keeps_its_prices(phase: Phase, purchase: Purchase) -> None:
    report = cost(phase, purchase)
    assert CostReport.from_json(report.to_json(), source="saved") == report


def test_a_damaged_report_is_refused() -> None:
    text = cost(Phase.MVP).to_json()
    with pytest.raises(ConfigError, match="saved: not JSON"):
        CostReport.from_json(text[:-5], source="saved")
    with pytest.raises(ConfigError, match="schema version 9"):
        CostReport.from_json(json.dumps(json.loads(text) | {"schema_version": 9}), source="saved")


@given(
    phase=st.sampled_from([Phase.MVP, Phase.PRODUCTION, Phase.ENTERPRISE]),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_more_users_never_cost_less(phase: Phase, shares: tuple[float, float]) -> None:
    less, more = sorted(shares)
    assert cost(phase, adoption=less).monthly_usd <= cost(phase, adoption=more).monthly_usd


@given(gigabytes=st.decimals(0, 10**7, places=2), free=st.decimals(0, 200, places=1))
def test_egress_tiers_hold_all_but_the_free_part(gigabytes: Decimal, free: Decimal) -> None:
    tiers = egress_tiers(gigabytes, free)
    assert sum(inside for _, inside in tiers) == max(gigabytes - free, 0)
    assert all(inside >= 0 for _, inside in tiers)


def test_egress_tiers_meet_at_their_borders() -> None:
    sizes = [inside for _, inside in egress_tiers(Decimal(10_241), Decimal(0))]
    assert sizes == [10_240, 1, 0, 0]


@pytest.mark.parametrize("phase", Phase)
def test_every_group_has_machines_and_disks_on_the_bill(phase: Phase) -> None:
    config = declared(phase)
    machines = sum(usage.instances for usage in bill(config, Assumptions()))
    assert machines == config.counts.total - config.counts.cache


def test_a_difference_says_unknown_where_a_side_has_no_price() -> None:
    before = cost(Phase.MVP)
    lines = tuple(
        replace(line, unit_usd=None, monthly_usd=None) if line.category == "disk" else line
        for line in before.lines
    )
    diff = cost_diff(before, replace(before, lines=lines))
    assert {line.category for line in diff.lines} == {"disk"}
    assert all(line.change_usd is None for line in diff.lines)


def test_a_report_does_not_differ_from_itself() -> None:
    assert cost_diff(cost(Phase.MVP), cost(Phase.MVP)).lines == ()
