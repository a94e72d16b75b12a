"""The smallest fleet that keeps a phase's promise, and why no smaller one does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.capacity.response import response_forecast
from infra.declaration import Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.capacity.assumptions import Assumptions
    from infra.declaration import PhaseConfig

_MOST_PIPELINES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SloAnswer:
    """What keeps the promise at the phase's peak.

    Attributes:
        pipelines: In all regions, spare included; None when no number is enough.
        spare: How many of them may be gone while the promise still holds.
        promised_seconds: At the promised percentile, with the spare gone.
        one_less_seconds: The same with one pipeline less, which misses; None when the regions
            alone ask for as many.
        longest_inference_seconds: The guide's inference time up to which a large enough fleet would
            do; None unless the work alone takes too long.
        reason: All of it in a sentence.
    """

    pipelines: int | None
    spare: int
    promised_seconds: float | None
    one_less_seconds: float | None
    longest_inference_seconds: float | None
    reason: str


def smallest_fleet(
    declare: Callable[[int, Assumptions], PhaseConfig], assumptions: Assumptions, *, spare: int
) -> SloAnswer:
    """Return the fewest pipelines under which the promise holds.

    Args:
        declare: The phase with this many pipelines; raises nothing from as many as regions on.
        assumptions: What its times are computed from.
        spare: Pipelines that may fail at the peak without breaking the promise.
    """
    least = len(declare(_MOST_PIPELINES, assumptions).regions)
    floor = response_forecast(declare(_MOST_PIPELINES, assumptions), assumptions)
    if floor.floor_seconds > floor.target_seconds or floor.utilisation >= 1:
        return _impossible(declare, assumptions)

    def seconds(pipelines: int) -> float:
        return response_forecast(declare(pipelines, assumptions), assumptions).promised_seconds

    fewest = _fewest(least, lambda pipelines: seconds(pipelines) <= floor.target_seconds)
    if fewest is None:
        return _impossible(declare, assumptions)
    one_less = seconds(fewest - 1) if fewest > least else None
    return SloAnswer(
        pipelines=fewest + spare,
        spare=spare,
        promised_seconds=seconds(fewest),
        one_less_seconds=one_less,
        longest_inference_seconds=None,
        reason=_reason(declare(fewest, assumptions), seconds(fewest), one_less, spare),
    )


def _fewest(least: int, enough: Callable[[int], bool]) -> int | None:
    high = least
    while not enough(high):
        if high >= _MOST_PIPELINES:
            return None
        high = min(2 * high, _MOST_PIPELINES)
    low = max(least, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return high


def _reason(config: PhaseConfig, seconds: float, one_less: float | None, spare: int) -> str:
    target = config.target
    pipelines = config.shared.counts.pipelines
    percentile = f"p{target.response_percentile * 100:g}"
    subject = "1 pipeline keeps" if pipelines == 1 else f"{pipelines} pipelines keep"
    kept = f"{subject} {percentile} at {seconds:.2f} s of {target.response_seconds:g} s"
    if one_less is None:
        why = (
            f"{len(config.regions)} regions need one each"
            if len(config.regions) > 1
            else "one is the least"
        )
    elif one_less == float("inf"):
        why = f"{pipelines - 1} could not keep up with {target.peak_queries_per_hour:,.0f} an hour"
    else:
        why = f"{pipelines - 1} would take {one_less:.2f} s"
    more = f"; {spare} more so that one may fail" if spare else ""
    return f"{kept}; {why}{more}"


def _impossible(
    declare: Callable[[int, Assumptions], PhaseConfig], assumptions: Assumptions
) -> SloAnswer:
    """Explain that work alone takes too long, and how fast it would have to be."""
    config = declare(_MOST_PIPELINES, assumptions)
    forecast = response_forecast(config, assumptions)
    # Percentiles of work without a queue are proportional to its mean.
    longest = assumptions.inference_seconds * forecast.target_seconds / forecast.floor_seconds
    percentile = f"p{config.target.response_percentile * 100:g}"
    longest_seconds = None
    if forecast.floor_seconds <= forecast.target_seconds:
        reason = (
            f"its one pipeline is asked for {forecast.utilisation:.0%} of its time, and the demo "
            "has no other"
            if config.phase is Phase.DEMO
            else f"{config.shared.counts.pipelines:,} pipelines, the most considered, are asked "
            f"for {forecast.utilisation:,.0%} of their time"
        )
    else:
        reason = (
            f"the work alone takes {percentile} {forecast.floor_seconds:.2f} s of "
            f"{forecast.target_seconds:g} s, before any queue: no number of nodes helps, an "
            f"inference time of {longest:.2f} s instead of {assumptions.inference_seconds:g} s "
            "would"
        )
        longest_seconds = longest
    return SloAnswer(
        pipelines=None,
        spare=0,
        promised_seconds=None,
        one_less_seconds=None,
        longest_inference_seconds=longest_seconds,
        reason=reason,
    )
