"""`python -m bench [PART ...]`: measure, print a table, write bench/results/<date>.json."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import answering, machine, pipeline, reserved, roi, simulation, startup

PARTS = {
    "startup": startup.measure,
    "answering": answering.measure,
    "pipeline": pipeline.measure,
    "simulation": simulation.measure,
    "montecarlo": roi.measure,
    "reserved": reserved.measure,
}
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
    "worst_profit_difference_percent": 0.1,
    "worst_rate_deviation_percent": 0.1,
    "worst_upfront_difference_usd": 1.0,
}


def main(names: list[str]) -> int:
    """Run the named parts, all when none is named."""
    console = Console()
    report: dict[str, object] = {"machine": machine.describe()}
    for name in names or list(PARTS):
        if name not in PARTS:
            console.print(f"Error: no part {name!r}; there is {', '.join(PARTS)}", style="red")
            return 2
        figures = PARTS[name]()
        report[name] = figures
        console.print(_table(name, figures))
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    file = folder / f"{datetime.now(UTC):%Y-%m-%d}.json"
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
        limit = AT_MOST.get(figure)
        promised = "" if limit is None else f"≤ {limit:g}"
        style = "red" if limit is not None and value > limit else ""
        table.add_row(figure, f"{value:.3g}", promised, style=style)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
