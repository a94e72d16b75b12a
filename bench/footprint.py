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
        resident_bytes: The most they held at once, where a file's pages that several map count
            once: what the machine has less of. The CDK runs two processes of one Node.js. The
            kernel's own proportional set size says the same only while nobody else on the machine
            runs a program of theirs, for it divides with strangers too.
        rss_bytes: The most of their resident sizes added up, where such pages count each time.
    """

    seconds: float
    resident_bytes: int
    rss_bytes: int


def footprint(argv: Sequence[str], environ: Mapping[str, str] | None = None) -> Footprint:
    """Run a command to its end.

    Raises:
        RuntimeError: It ended with an error.
    """
    started = time.perf_counter()
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=environ)
    watched, most, rss = psutil.Process(process.pid), 0, 0
    while process.poll() is None:
        resident, added_up = _memory(watched)
        most, rss = max(most, resident), max(rss, added_up)
        time.sleep(_SAMPLE_SECONDS)
    if process.returncode:
        raise RuntimeError(argv)
    seconds = time.perf_counter() - started
    return Footprint(seconds=seconds, resident_bytes=most, rss_bytes=rss)


def summary(name: str, runs: Sequence[Footprint]) -> dict[str, float]:
    """Return the median time, and the most memory of any run."""
    return {
        f"{name}_seconds": statistics.median(run.seconds for run in runs),
        f"{name}_mib": max(run.resident_bytes for run in runs) / 2**20,
        f"{name}_rss_mib": max(run.rss_bytes for run in runs) / 2**20,
    }


def _memory(process: psutil.Process) -> tuple[int, int]:
    """Return what they hold now: shared pages once, and each time."""
    private = rss = 0
    shared: dict[str, int] = {}
    try:
        for each in (process, *process.children(recursive=True)):
            for mapped in each.memory_maps():
                private += mapped.private_clean + mapped.private_dirty
                rss += mapped.rss
                pages = mapped.shared_clean + mapped.shared_dirty
                shared[mapped.path] = max(shared.get(mapped.path, 0), pages)
    except psutil.Error:  # one ended meanwhile
        pass
    return private + sum(shared.values()), rss
