"""`python -m bench [PART ...]`: measure, print a table, write bench/results/<date>.json.

Parts that are not named keep what the same day's file says of them. Some run only when they are
named: `prebuilt` installs half a gigabyte, `terraform` needs Terraform and the AWS provider.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import (
    answering,
    machine,
    pipeline,
    prebuilt,
    reserved,
    roi,
    simulation,
    startup,
    synth,
    terraform,
)

PARTS = {
    "startup": startup.measure,
    "answering": answering.measure,
    "pipeline": pipeline.measure,
    "simulation": simulation.measure,
    "montecarlo": roi.measure,
    "reserved": reserved.measure,
    "synth": synth.measure,
}
WHEN_NAMED = {"prebuilt": prebuilt.measure, "terraform": terraform.measure}
# What the project promises, where it promises a number; the rest is reported as it is.
AT_MOST = {
    "help_seconds": 0.25,
    "capacity_mvp_seconds": 0.4,
    "cost_mvp_seconds": 0.4,
    "warm_deploy_to_first_answer_seconds": 20.0,
    "orchestrator_mib": 200.0,
    "token_overhead_ms_p50": 1.5,
    "million_scenarios_seconds": 2.0,
    "million_scenarios_mib": 1_024.0,
    "worst_mmc_wait_error_percent": 3.0,
    "worst_profit_difference_percent": 0.1,
    "worst_rate_deviation_percent": 0.1,
    "worst_upfront_difference_usd": 1.0,
    "synth_mvp_seconds": 2.0,
    "synth_mvp_mib": 150.0,
    "different": 0.0,
    "doctor_enterprise_seconds": 5.0,
    "plan_mvp_seconds": 6.0,
}
AT_LEAST = {"slowest_requests_per_second": 200_000.0, "prebuilt_vs_qinfra_time": 6.0}


def main(names: list[str]) -> int:
    """Run the named parts; when none is named, all but those of WHEN_NAMED."""
    every = PARTS | WHEN_NAMED
    console = Console()
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    file = folder / f"{datetime.now(UTC):%Y-%m-%d}.json"
    before = json.loads(file.read_text()) if file.exists() else {}
    report: dict[str, object] = {**before, "machine": machine.describe()}
    for name in names or list(PARTS):
        if name not in every:
            console.print(f"Error: no part {name!r}; there is {', '.join(every)}", style="red")
            return 2
        figures = every[name]()
        report[name] = figures
        console.print(_table(name, figures))
    file.write_text(json.dumps(report, indent=2) + "\n")
    console.print(report["machine"])
    console.print(f"written to {file}")
    return 0


def _table(name: str, figures: dict[str, float]) -> Table:
    table = Table(title=name, title_justify="left")
    table.add_column("figure")
    table.add_column("measured", justify="right")
    table.add_column("promised", justify="right")
    for figure, value in figures.items():
        most, least = AT_MOST.get(figure), AT_LEAST.get(figure)
        missed = (most is not None and value > most) or (least is not None and value < least)
        promised = f"≤ {most:g}" if most is not None else f"≥ {least:,g}" if least else ""
        table.add_row(figure, _figure(value), promised, style="red" if missed else "")
    return table


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
