"""A million scenarios of each of the guide's returns: seconds, memory, and the scalar path beside.

Each runs in a process of its own, whose clock starts when numpy is imported.
`python -m bench.roi 1` is that process for the second scenario.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SCENARIOS = 1_000_000
ONE_BY_ONE = 2_000
ROUNDS = 3


def measure() -> dict[str, float]:
    """Return the slowest and the largest of the three, each the median of three processes."""
    runs = [[_child(index) for _ in range(ROUNDS)] for index in range(3)]
    slowest = max(runs, key=lambda rounds: _median(rounds, "seconds"))
    seconds, alone = _median(slowest, "seconds"), _median(slowest, "seconds_one_by_one")
    return {
        "million_scenarios_seconds": seconds,
        "million_scenarios_mib": max(_median(rounds, "mib") for rounds in runs),
        "scenarios_per_second": SCENARIOS / seconds,
        "scenarios_per_second_one_by_one": ONE_BY_ONE / alone,
        "vectorised_vs_one_by_one": (alone / ONE_BY_ONE) / (seconds / SCENARIOS),
        "worst_profit_difference_percent": 100
        * max(each["difference"] for rounds in runs for each in rounds),
    }


def _median(rounds: list[dict[str, float]], figure: str) -> float:
    return statistics.median(each[figure] for each in rounds)


def _child(index: int) -> dict[str, float]:
    argv = [sys.executable, "-m", "bench.roi", str(index)]
    found = subprocess.run(argv, check=True, capture_output=True, text=True)
    return dict(json.loads(found.stdout))


def _measured(index: int) -> dict[str, float]:
    import numpy  # noqa: F401 - before the clock starts

    started = time.perf_counter()
    case, ranges = _case(index)
    from infra.montecarlo import monte_carlo

    monte_carlo(case, ranges, scenarios=SCENARIOS)
    seconds, mib = time.perf_counter() - started, _peak_mib()
    return {"seconds": seconds, "mib": mib, **_one_by_one(case, ranges)}


def _case(index: int) -> Any:
    from infra.capacity.assumptions import Assumptions
    from infra.capacity.network import GUIDE_NETWORK
    from infra.cases import Case
    from infra.pricing.catalogue import packaged_prices
    from infra.roi import GUIDE_SCENARIOS

    case = Case(
        scenario=GUIDE_SCENARIOS[index],
        metrics=GUIDE_NETWORK,
        assumptions=Assumptions(),
        book=packaged_prices(),
    )
    return case, case.ranges({})


def _one_by_one(case: Any, ranges: Any) -> dict[str, float]:
    """Time the scalar path on the first draws, and compare its profits."""
    from infra.chain import chain
    from infra.montecarlo import draws

    ((_, drawn),) = draws(ranges, scenarios=ONE_BY_ONE, seed=0)
    rows = [{key: float(drawn[key][row]) for key in drawn} for row in range(ONE_BY_ONE)]
    started = time.perf_counter()
    exact = [case.outcome(row).roi for row in rows]
    seconds = time.perf_counter() - started
    profits = chain(case).figures({**case.in_force, **drawn}).profit_usd.tolist()
    difference = max(
        abs(profit - each.profit_usd) / (each.cost_usd + each.revenue_usd)
        for profit, each in zip(profits, exact, strict=True)
    )
    return {"seconds_one_by_one": seconds, "difference": difference}


def _peak_mib() -> float:
    """Return this process's own peak; what getrusage says counts the parent's before exec."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(_measured(int(sys.argv[1]))))
