"""What a whole process takes, with all that it starts: time and memory, watched from outside."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

_SAMPLE_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """One run of a process and its children.

    Attributes:
        pss_bytes: The most they held at once, a page that several map counted once (proportional
            set size): what the machine has less of. Other processes of the same program, had they
            run beside, would share in it.
        rss_bytes: The most of their resident sizes added up, where such a page counts for each:
            the CDK runs two processes of Node.js, so its program counts twice.
    """

    seconds: float
    pss_bytes: int
    rss_bytes: int


def footprint(argv: Sequence[str], environ: Mapping[str, str] | None = None) -> Footprint:
    """Run a command to its end.

    Raises:
        RuntimeError: It ended with an error.
    """
    started = time.perf_counter()
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=environ)
    watched, pss, rss = psutil.Process(process.pid), 0, 0
    while process.poll() is None:
        shared, resident = _memory(watched)
        pss, rss = max(pss, shared), max(rss, resident)
        time.sleep(_SAMPLE_SECONDS)
    if process.returncode:
        raise RuntimeError(argv)
    return Footprint(seconds=time.perf_counter() - started, pss_bytes=pss, rss_bytes=rss)


def summary(name: str, runs: Sequence[Footprint]) -> dict[str, float]:
    """Return the median time, and the most memory of any run."""
    return {
        f"{name}_seconds": statistics.median(run.seconds for run in runs),
        f"{name}_mib": max(run.pss_bytes for run in runs) / 2**20,
        f"{name}_rss_mib": max(run.rss_bytes for run in runs) / 2**20,
    }


def _memory(process: psutil.Process) -> tuple[int, int]:
    pss = rss = 0
    try:
        for each in (process, *process.children(recursive=True)):
            held = each.memory_full_info()
            pss, rss = pss + held.pss, rss + held.rss
    except psutil.Error:  # one ended meanwhile
        return pss, rss
    return pss, rss
