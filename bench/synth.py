"""How long `qinfra synth` takes as a whole process for each phase, and its memory with Node.js."""

from __future__ import annotations

import tempfile

from bench.fleet import QINFRA
from bench.footprint import Footprint, footprint, summary
from infra.declaration import Phase

RUNS = 5


def measure() -> dict[str, float]:
    """Return each phase's median time and most memory, the phases taken in turn."""
    runs: dict[str, list[Footprint]] = {phase.value: [] for phase in Phase}
    for _ in range(RUNS):
        for phase, taken in runs.items():
            with tempfile.TemporaryDirectory() as folder:
                taken.append(footprint((str(QINFRA), "synth", "--phase", phase, "--out", folder)))
    figures: dict[str, float] = {}
    for phase, taken in runs.items():
        figures |= summary(f"synth_{phase}", taken)
    return figures
