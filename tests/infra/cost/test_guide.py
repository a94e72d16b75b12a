from __future__ import annotations

from decimal import Decimal

import pytest

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.cost.estimate import estimate
from infra.cost.guide import guide_costs
from infra.declaration import Phase
from infra.phases import PhaseWishes, phase_config
from infra.pricing.catalogue import packaged_prices
from infra.purchase import Purchase

AWS = "aws", "us-east-1", "ec2:g4dn.xlarge"
GCP = "gcp", "us-central1", "compute:n1-standard-4"


@pytest.mark.parametrize(
    ("phase", "purchase", "printed"),
    [
        (Phase.DEMO, Purchase.ON_DEMAND, [(360, 360)]),
        (Phase.MVP, Purchase.ON_DEMAND, [(1_890, 2_268), (1_227, 1_227)]),
        (Phase.MVP, Purchase.RESERVED_1Y_NO, [(1_115, 1_338), (1_227, 1_227)]),
        (Phase.MVP, Purchase.SPOT, [(567, 864), (1_227, 1_227)]),
        (Phase.PRODUCTION, Purchase.RESERVED_1Y_ALL, [(2_676, 3_345), (3_011, 3_011)]),
        (Phase.PRODUCTION, Purchase.RESERVED_3Y_NO, [(1_728, 2_160), (3_011, 3_011)]),
        (
            Phase.ENTERPRISE,
            Purchase.RESERVED_3Y_NO,
            [(3_600, 5_040), (4_320, 4_320), (2_000, 3_000)],
        ),
    ],
)
def test_the_guides_costs_stand_beside_each_phase(
    phase: Phase, purchase: Purchase, printed: list[tuple[int, int]]
) -> None:
    found = guide_costs(phase, purchase)
    assert [(int(cost.low_usd), int(cost.high_usd)) for cost in found] == printed


@pytest.mark.parametrize(
    ("phase", "purchase", "budget"),
    [
        (Phase.MVP, Purchase.RESERVED_1Y_NO, (13_380, 16_056)),
        (Phase.PRODUCTION, Purchase.RESERVED_1Y_NO, (32_112, 40_140)),
        (Phase.ENTERPRISE, Purchase.RESERVED_3Y_NO, (67_200, 96_480)),
    ],
)
def test_the_guides_annual_budgets_are_its_months(
    phase: Phase, purchase: Purchase, budget: tuple[int, int]
) -> None:
    costs = [cost for cost in guide_costs(phase, purchase) if "ROI" not in cost.what]
    assert 12 * sum(cost.low_usd for cost in costs) == budget[0]
    assert 12 * sum(cost.high_usd for cost in costs) == budget[1]


@pytest.mark.parametrize(
    ("phase", "annual"),
    [(Phase.MVP, 14_724), (Phase.PRODUCTION, 36_132), (Phase.ENTERPRISE, 51_840)],
)
def test_the_years_of_the_guides_return(phase: Phase, annual: int) -> None:
    (cost,) = [c for c in guide_costs(phase, Purchase.ON_DEMAND) if "ROI" in c.what]
    assert 12 * cost.low_usd == annual


@pytest.mark.parametrize(
    ("key", "term", "month"),
    [
        (AWS, "on_demand", "383.98"),
        (AWS, "reserved_1y_no_upfront", "241.63"),
        (AWS, "reserved_3y_all_upfront", "144.39"),
        (GCP, "on_demand", "138.70"),
    ],
)
def test_a_month_of_one_machine(key: tuple[str, str, str], term: str, month: str) -> None:
    price = packaged_prices().price(*key, term)
    assert price is not None
    assert round(730 * price.usd, 2) == Decimal(month)


def test_the_demos_machines_at_list_and_with_the_discount() -> None:
    price = packaged_prices().price(*GCP)
    assert price is not None
    assert 3 * 730 * price.usd == Decimal("416.10")
    assert round(Decimal("0.7") * 730 * price.usd, 2) == Decimal("97.09")
    config = phase_config(Phase.DEMO, GUIDE_NETWORK, Assumptions())
    assert estimate(config, packaged_prices(), Assumptions()).compute_usd == Decimal("291.27")


def test_six_twelve_fifteen_and_thirty_five_nodes_on_demand() -> None:
    book = packaged_prices()

    def month(nodes: int, region: str = "us-east-1") -> Decimal:
        price = book.price("aws", region, "ec2:g4dn.xlarge")
        assert price is not None
        return nodes * 730 * price.usd

    assert month(6) == Decimal("2303.88")
    assert month(12) == Decimal("4607.76")
    assert month(15) == Decimal("5759.70")
    spread = month(13) + month(11, "eu-west-1") + month(11, "ap-southeast-1")
    assert spread == Decimal("15615.43")


def test_enterprise_support_has_no_price_and_is_said_to_have_none() -> None:
    wishes = PhaseWishes(purchase=Purchase.ON_DEMAND)
    config = phase_config(Phase.ENTERPRISE, GUIDE_NETWORK, Assumptions(), wishes)
    report = estimate(config, packaged_prices(), Assumptions())
    (support,) = [line for line in report.lines if line.item == "support plan"]
    assert support.monthly_usd is None
    assert [cost.instances for cost in report.guide] == [True, False]
