"""Machines that rest: stopped for the night or the weekend, disks kept, and started again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from infra.errors import PartialFailure
from infra.units import HOURS_PER_MONTH
from provision.clouds.cloud import Power

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from infra.cost.estimate import CostReport
    from provision.clouds.cloud import Cloud
    from provision.machines import Machine

DEADLINE_SECONDS = 600.0  # a GPU machine writes its memory out, or waits for one to be free
_PAUSE_SECONDS = 3.0
# Twelve hours on five days of the week; the rest is nights and weekends.
_WORKING_SHARE = Decimal(12 * 5) / Decimal(24 * 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What it is worth that a fleet's machines do not run.

    Attributes:
        hourly_usd: For each hour in which they are stopped.
        nights_usd: A month in which they run twelve hours on workdays only.
        goes_on_usd: An hour of all that is paid on: disks, addresses, balancers, databases.
        reserved: Whether their hours are paid whether they run or not; then nothing is saved.
        unpriced: Lines of machines that have no price; the saving is without them.
    """

    hourly_usd: Decimal
    nights_usd: Decimal
    goes_on_usd: Decimal
    reserved: bool
    unpriced: int


def saving_of(cost: CostReport) -> Saving:
    """Return what a stopped fleet saves, and what it goes on costing."""
    machines = [line for line in cost.lines if line.category == "compute"]
    hourly = cost.compute_usd / HOURS_PER_MONTH
    reserved = cost.purchase.is_reserved
    saved = Decimal(0) if reserved else hourly
    return Saving(
        hourly_usd=saved,
        nights_usd=saved * HOURS_PER_MONTH * (1 - _WORKING_SHARE),
        goes_on_usd=cost.monthly_usd / HOURS_PER_MONTH - saved,
        reserved=reserved,
        unpriced=sum(line.monthly_usd is None for line in machines),
    )


def stop_all(
    cloud: Cloud,
    machines: Sequence[Machine],
    say: Callable[[str], object],
    timeout_seconds: float = DEADLINE_SECONDS,
) -> None:
    """Stop machines, and wait until they have.

    Raises:
        ConfigError: One of them cannot be stopped, only ended.
        PartialFailure: Some had not stopped when the time was up.
        RemoteError: The cloud refused.
    """
    cloud.stop(machines)
    _settled(cloud, machines, Power.STOPPED, say, timeout_seconds)


def start_all(
    cloud: Cloud,
    machines: Sequence[Machine],
    say: Callable[[str], object],
    timeout_seconds: float = DEADLINE_SECONDS,
) -> None:
    """Start machines, and wait until they run.

    Raises:
        PartialFailure: Some did not run when the time was up.
        RemoteError: The cloud refused, as it does when it has no such machine free.
    """
    cloud.start(machines)
    _settled(cloud, machines, Power.RUNNING, say, timeout_seconds)
    cloud.settle(machines, timeout_seconds)


def _settled(
    cloud: Cloud,
    machines: Sequence[Machine],
    wanted: Power,
    say: Callable[[str], object],
    timeout_seconds: float,
) -> None:
    ends_at = time.monotonic() + timeout_seconds
    while True:
        power = cloud.power(machines)
        late = [each for each in machines if power.get(each.id) is not wanted]
        if not late:
            return
        remaining = ends_at - time.monotonic()
        told = ", ".join(f"{each.name} {power.get(each.id, 'unknown')}" for each in late)
        if remaining <= 0:
            raise PartialFailure(
                f"not {wanted} within {timeout_seconds:g} s: {told}",
                hint="Run the same command again.",
            )
        say(f"waiting until {told} is {wanted}, {remaining:.0f} s at most")
        time.sleep(min(_PAUSE_SECONDS, remaining))
