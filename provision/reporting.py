"""Everything the report shows, computed in one go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from infra.capacity.findings import Finding, guide_findings
from infra.capacity.model import CapacityModel, capacity_model
from infra.capacity.response import (
    CurvePoint,
    ResponseForecast,
    response_curve,
    response_forecast,
    saturation_queries_per_hour,
)
from infra.cases import Case
from infra.declaration import Phase, PhaseConfig
from infra.montecarlo import monte_carlo
from infra.roi import GUIDE_SCENARIOS, Roi
from infra.sensitivity import tornado
from provision.costing import finding_prices
from provision.report.uncertainty import Study

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from infra.cost.estimate import CostReport
    from infra.ranges import Stated
    from provision.costing import Costing
    from provision.inputs import Inputs

_CURVE_POINTS = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseReport:
    """A phase, its response times over load, and its cost the way it is bought.

    Attributes:
        curve: From no load to nearly the one at which the queue never ends.
    """

    config: PhaseConfig
    forecast: ResponseForecast
    curve: tuple[CurvePoint, ...]
    cost: CostReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the report shows.

    Attributes:
        phases: All four.
        focus: The one that is drawn and priced line by line.
        comparison: The focus under every way of purchase.
        returns: The guide's scenarios.
        studies: How sure the return of the focus is; of the mvp's where the focus has none.
        made_at: When it was computed, UTC.
        version: Of qinfra.
    """

    inputs: Inputs
    model: CapacityModel
    phases: tuple[PhaseReport, ...]
    focus: Phase
    comparison: tuple[CostReport, ...]
    returns: tuple[Roi, ...]
    studies: tuple[Study, ...]
    findings: tuple[Finding, ...]
    made_at: datetime
    version: str

    @property
    def focused(self) -> PhaseReport:
        """The phase in focus."""
        return next(each for each in self.phases if each.config.phase is self.focus)


@dataclass(frozen=True, slots=True, kw_only=True)
class Focus:
    """What the report is about.

    Attributes:
        purchase: The phase's own way when None.
        regions: The phase's own when None.
    """

    phase: Phase
    purchase: str | None = None
    regions: tuple[str, ...] | None = None


def report_on(
    focus: Focus,
    costing: Costing,
    stated: Mapping[str, Stated],
    *,
    made_at: datetime,
    version: str,
) -> Report:
    """Compute every part of the report.

    Args:
        focus: The phase that is drawn and priced line by line; the others are as the model has
            them.
        costing: Inputs and prices.
        stated: Ranges in place of the default ones.
        made_at: Now, UTC.
        version: Of qinfra.

    Raises:
        ConfigError: The purchase or a region is unknown.
    """
    inputs = costing.inputs
    own = costing.declared(focus.phase, focus.purchase, focus.regions)
    focused_book = costing.book_for(own)
    cases = [
        Case(
            scenario=scenario,
            metrics=inputs.metrics,
            assumptions=inputs.assumptions,
            book=focused_book if scenario.phase is focus.phase else costing.book,
            purchase=own.purchase if scenario.phase is focus.phase else None,
            regions=focus.regions if scenario.phase is focus.phase else None,
        )
        for scenario in GUIDE_SCENARIOS
    ]
    plain = replace(costing, fill_from=None)  # a region of one cloud has no prices for another
    sure_of = Phase.MVP if focus.phase is Phase.DEMO else focus.phase  # the demo earns nothing
    return Report(
        inputs=inputs,
        model=capacity_model(inputs.metrics, inputs.assumptions, inputs.rounding),
        phases=tuple(
            _phase(focus, costing) if phase is focus.phase else _beside(phase, plain)
            for phase in Phase
        ),
        focus=focus.phase,
        comparison=costing.comparison(focus.phase, focus.regions),
        returns=tuple(case.outcome().roi for case in cases),
        studies=tuple(_studied(case, stated) for case in cases if case.scenario.phase is sure_of),
        findings=guide_findings(finding_prices(costing.book)),
        made_at=made_at,
        version=version,
    )


def _studied(case: Case, stated: Mapping[str, Stated]) -> Study:
    ranges = case.ranges(stated)
    return Study(
        scenario=case.scenario,
        ranges=ranges,
        tornado=tornado(case, ranges),
        monte_carlo=monte_carlo(case, ranges),
    )


def _beside(phase: Phase, costing: Costing) -> PhaseReport:
    inputs = replace(costing.inputs, tenants=costing.inputs.tenants_in(phase))
    return _phase(Focus(phase=phase), replace(costing, inputs=inputs))


def _phase(focus: Focus, costing: Costing) -> PhaseReport:
    config = costing.declared(focus.phase, focus.purchase, focus.regions)
    assumptions = costing.inputs.assumptions
    last = saturation_queries_per_hour(config, assumptions)
    loads = [last * step / _CURVE_POINTS for step in range(1, _CURVE_POINTS)]
    return PhaseReport(
        config=config,
        forecast=response_forecast(config, assumptions),
        curve=response_curve(config, assumptions, loads),
        cost=costing.priced(config),
    )
