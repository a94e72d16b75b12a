"""How long `qinfra synth --phase mvp` takes as a whole process, and the memory of it and Node."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time

import psutil

from bench.fleet import QINFRA

RUNS = 5
_SAMPLE_SECONDS = 0.02


def measure() -> dict[str, float]:
    """Return the median time, and the most memory that was resident at once."""
    taken, memory = [], []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            seconds, resident = _run([str(QINFRA), "synth", "--phase", "mvp", "--out", folder])
        taken.append(seconds)
        memory.append(resident)
    return {
        "synth_mvp_seconds": statistics.median(taken),
        "synth_mvp_mib": max(memory) / 2**20,
    }


def _run(argv: list[str]) -> tuple[float, int]:
    started = time.perf_counter()
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    watched, most = psutil.Process(process.pid), 0
    while process.poll() is None:
        most = max(most, _resident(watched))
        time.sleep(_SAMPLE_SECONDS)
    if process.returncode:
        raise RuntimeError(argv)
    return time.perf_counter() - started, most


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        for each in (process, *process.children(recursive=True)):
            total += each.memory_info().rss
    except psutil.NoSuchProcess:
        return total
    return total
