"""Cost reports by the names a person gives: phase, way of purchase, region, or a saved file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from infra.capacity.findings import FindingPrices
from infra.cost.estimate import CostReport, estimate
from infra.declaration import Phase, phase_named
from infra.errors import BudgetError, ConfigError
from infra.machines import region_named
from infra.phases import PhaseWishes, phase_config
from infra.purchase import Purchase, purchase_named
from provision.files import read_bounded

if TYPE_CHECKING:
    from decimal import Decimal

    from infra.declaration import PhaseConfig
    from infra.pricing.catalogue import PriceBook
    from provision.inputs import Inputs

_NAMED = re.compile(r"(?P<phase>[\w-]+)(:(?P<purchase>[\w-]+))?(@(?P<regions>[\w,-]+))?")
_LARGEST_REPORT_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Costing:
    """What every report of a command has in common.

    Attributes:
        fill_from: Region whose prices stand in where a region has none; none do when None.
    """

    inputs: Inputs
    book: PriceBook
    fill_from: str | None = None

    def report(
        self, phase: str, purchase: str | None = None, regions: tuple[str, ...] | None = None
    ) -> CostReport:
        """Return a phase's cost.

        Raises:
            ConfigError: The phase, the purchase or a region is unknown.
        """
        config = self.declared(phase_named(phase), purchase, regions)
        return self.priced(config)

    def declared(
        self, phase: Phase, purchase: str | None = None, regions: tuple[str, ...] | None = None
    ) -> PhaseConfig:
        """Return the phase as it would be deployed.

        Raises:
            ConfigError: The purchase or a region is unknown, or the settings name tenants and the
                phase has none.
        """
        wishes = PhaseWishes(
            regions=regions,
            purchase=purchase_named(purchase) if purchase else None,
            tenants=self.inputs.tenants or (),
        )
        return phase_config(phase, self.inputs.metrics, self.inputs.assumptions, wishes)

    def priced(self, config: PhaseConfig) -> CostReport:
        """Return the cost of what is declared."""
        return estimate(config, self.book_for(config), self.inputs.assumptions)

    def book_for(self, config: PhaseConfig) -> PriceBook:
        """Return the prices with the gaps of its regions filled, if that was asked for.

        Raises:
            ConfigError: The region to fill from is unknown, or of another cloud.
        """
        book = self.book
        if self.fill_from is not None:
            like = region_named(self.fill_from, config.cloud)
            for region in config.regions:
                book = book.filled(region, like)
        return book

    def comparison(
        self, phase: str, regions: tuple[str, ...] | None = None
    ) -> tuple[CostReport, ...]:
        """Return the phase under every way of purchase."""
        return tuple(self.report(phase, purchase.value, regions) for purchase in Purchase)

    def named(self, name: str) -> CostReport:
        """Return the report of `PHASE[:PURCHASE][@REGION,...]`, or the one saved in a file.

        Raises:
            ConfigError: It is neither, or the file is not a saved report.
        """
        path = Path(name)
        if path.is_file():
            return read_report(path)
        match = _NAMED.fullmatch(name)
        if match is None or path.suffix == ".json":
            raise ConfigError(
                f"'{name}' is neither a saved report nor PHASE[:PURCHASE][@REGION]",
                hint="For example `qinfra cost diff mvp mvp:spot@us-west-2`.",
            )
        regions = match["regions"]
        return self.report(
            match["phase"], match["purchase"], tuple(regions.split(",")) if regions else None
        )


class Priced(Protocol):
    """A phase whose month has a price."""

    @property
    def phase(self) -> Phase:
        """Which."""

    @property
    def monthly_usd(self) -> Decimal:
        """Of all that has a price."""


def check_budget(report: Priced, budget: Decimal | None) -> None:
    """Pass a phase that costs no more than the budget, or any without one.

    Raises:
        BudgetError: It costs more; says by how much.
    """
    if budget is not None and report.monthly_usd > budget:
        raise BudgetError(
            f"{report.phase.value} costs {report.monthly_usd:,.2f} USD a month, "
            f"{report.monthly_usd - budget:,.2f} above the budget of {budget:,.2f}",
            hint=f"Compare ways of purchase: `qinfra cost --phase {report.phase.value} --compare`.",
        )


def finding_prices(book: PriceBook) -> FindingPrices:
    """Return the unit prices that the findings about the guide compare with."""

    def hourly(provider: str, region: str, sku: str, term: str) -> Decimal | None:
        price = book.price(provider, region, sku, term)
        return price.usd if price else None

    return FindingPrices(
        g4dn_on_demand=hourly("aws", "us-east-1", "ec2:g4dn.xlarge", "on_demand"),
        g4dn_reserved_1y_no=hourly("aws", "us-east-1", "ec2:g4dn.xlarge", "reserved_1y_no_upfront"),
        n1_on_demand=hourly("gcp", "us-central1", "compute:n1-standard-4", "on_demand"),
    )


def read_report(path: Path) -> CostReport:
    """Return a saved report, at the prices it was saved with.

    Raises:
        ConfigError: It cannot be read or is not one.
    """
    text = read_bounded(path, _LARGEST_REPORT_BYTES)
    return CostReport.from_json(text, source=str(path))
