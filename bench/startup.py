"""How long a person waits for `qinfra`, beside a bare interpreter in the same run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from bench.fleet import QINFRA

RUNS = 15


def measure() -> dict[str, float]:
    """Return medians in seconds of whole processes, taken in turn, and their ratio."""
    commands = {
        "help": [str(QINFRA), "--help"],
        "capacity_mvp": [str(QINFRA), "capacity", "--phase", "mvp"],
        "cost_mvp": [str(QINFRA), "cost", "--phase", "mvp"],
        "bare_python": [sys.executable, "-c", "pass"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, argv in commands.items():
            started = time.perf_counter()
            subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - started)
    medians = {f"{name}_seconds": statistics.median(taken) for name, taken in seconds.items()}
    medians["help_vs_bare_python"] = medians["help_seconds"] / medians["bare_python_seconds"]
    return medians
