"""A scenario with all it is computed from, at the values in force or at any others."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from infra.capacity.assumptions import Assumptions
from infra.cost.estimate import estimate
from infra.domain import Interval
from infra.errors import ConfigError
from infra.phases import PhaseWishes, phase_config
from infra.ranges import VARIED, Ranged, Stated, default_ranges, domain_of
from infra.roi import PRICING, Pricing, Roi, Scenario, roi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.capacity.network import NetworkMetrics
    from infra.declaration import PhaseConfig
    from infra.pricing.catalogue import PriceBook
    from infra.purchase import Purchase

_NOISE = 1e-12  # so that the most of an adoption, multiplied back, is no more than all addresses
_ASSUMED = {item.name for item in fields(Assumptions)} & set(VARIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A return, and the fleet behind it.

    Attributes:
        nodes: Instances and cache nodes.
        peak_queries_per_hour: What the fleet is sized for.
    """

    roi: Roi
    nodes: int
    peak_queries_per_hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A scenario and what it is computed from.

    A phase is sized for its scenario's adoption (guide §5.1: 2.5, 5 and 10 % for the three). So
    where a scenario is looked at with another adoption, the peak of the phase moves by
    demand(other) / demand(own), and the fleet is sized for that peak.

    Attributes:
        purchase: How the instances are bought; the phase's own way when None.
        regions: Of the fleet; the phase's own when None.
    """

    scenario: Scenario
    metrics: NetworkMetrics
    assumptions: Assumptions
    book: PriceBook
    purchase: Purchase | None = None
    regions: tuple[str, ...] | None = None

    @property
    def in_force(self) -> dict[str, float]:
        """The value of everything that may vary."""
        pricing = PRICING[self.scenario.plan]
        return {
            **{name: getattr(self.assumptions, name) for name in _ASSUMED},
            **{item.name: getattr(pricing, item.name) for item in fields(Pricing)},
            "adoption": self.scenario.adoption,
            "cost_factor": 1.0,
        }

    def outcome(self, values: Mapping[str, float] | None = None) -> Outcome:
        """Return the return at the values in force with these in their place.

        Args:
            values: Of keys of `infra.ranges.VARIED`.

        Raises:
            ConfigError: A value is outside its domain.
        """
        at = {**self.in_force, **(values or {})}
        assumptions = self.assumed(at)
        config = self.declared(assumptions)
        report = estimate(config, self.book, assumptions)
        found = roi(
            replace(self.scenario, adoption=at["adoption"]),
            self.metrics,
            assumptions,
            float(report.monthly_usd) * at["cost_factor"],
            pricing=Pricing(**{item.name: at[item.name] for item in fields(Pricing)}),
        )
        return Outcome(
            roi=found,
            nodes=report.nodes,
            peak_queries_per_hour=config.target.peak_queries_per_hour,
        )

    def assumed(self, values: Mapping[str, float]) -> Assumptions:
        """Return the assumptions that the phase is sized with, at a value of every key.

        Raises:
            ConfigError: A value is outside its domain.
        """
        own = self.scenario.adoption
        # the quotient first: at the scenario's own adoption it is 1 to the last bit
        moved = 1.0 if values["adoption"] == own else values["adoption"] / own
        changed: dict[str, Any] = {name: values[name] for name in _ASSUMED}
        return replace(
            self.assumptions, **{**changed, "adoption": self.assumptions.adoption * moved}
        )

    def declared(self, assumptions: Assumptions, pipelines: int | None = None) -> PhaseConfig:
        """Return the phase's fleet; of as many pipelines as it needs when None."""
        wishes = PhaseWishes(regions=self.regions, purchase=self.purchase, pipelines=pipelines)
        return phase_config(self.scenario.phase, self.metrics, assumptions, wishes)

    def ranges(self, asked: Mapping[str, Stated]) -> tuple[Ranged, ...]:
        """Return the default ranges with those asked for in their place.

        Raises:
            ConfigError: A key is unknown, a range leaves its domain, or the scenario's adoption
                is 0 and cannot be varied.
        """
        in_force = self.in_force
        domains = {**VARIED, "adoption": self._adoptions()}
        found = []
        for key, stated in {**default_ranges(in_force, domains), **asked}.items():
            domain_of(key)  # refuses what has none
            try:
                spread = stated.spread.centred(in_force[key])
            except ConfigError as error:
                raise ConfigError(
                    f"{stated.source}: {key}: {error}, where the mode is the value in force",
                    hint=f"Give the range of {key} a mode.",
                ) from error
            found.append(Ranged(key=key, spread=spread, domain=domains[key], source=stated.source))
        return tuple(found)

    def _adoptions(self) -> Interval:
        """Return the adoptions at which the phase asks for no more than all addresses would."""
        own, assumed = self.scenario.adoption, self.assumptions.adoption
        if own == 0:
            raise ConfigError(
                "a scenario with adoption 0 has no range: its phase is sized for its own adoption",
                hint="Give --adoption a value above 0.",
            )
        most = own / assumed * (1 - _NOISE) if assumed else 1.0
        return Interval(0, min(1.0, max(own, most)))
