"""The mvp stack as `qinfra synth` writes it, beside the prebuilt provider package's typed classes.

The package gets an environment of its own, half a gigabyte under build/bench, made once. It is
given the stack's values and only builds and writes; `qinfra synth` computes them as well.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from bench.agreement import differences, values
from bench.fleet import QINFRA
from bench.footprint import Footprint, footprint, summary
from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.declaration import Phase
from infra.phases import PhaseWishes, phase_config
from infra.stacks.blocks import Stack
from infra.stacks.cdk import JSON_FILE
from infra.stacks.phases import stacks_of

PINS = ("cdktf==0.21.0", "cdktf-cdktf-provider-aws==20.1.0")
RUNS = 5
_ROOT = Path(__file__).parent.parent
_ENVIRONMENT = _ROOT / "build" / "bench" / "prebuilt"
_SCRIPT = Path(__file__).with_name("prebuilt_stack.py")


def measure() -> dict[str, float]:
    """Return both as whole processes taken in turn, their ratios, and where their JSON differs."""
    python = _environment()
    environ = {**os.environ, "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "18,20"}
    runs: dict[str, list[Footprint]] = {"qinfra": [], "prebuilt": []}
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        document = root / "stacks.json"
        document.write_text(json.dumps([asdict(stack) for stack in _stacks()]))
        commands = {
            "qinfra": (QINFRA, "synth", "--phase", "mvp", "--out", root / "qinfra"),
            "prebuilt": (python, _SCRIPT, document, root / "prebuilt"),
        }
        for index in range(RUNS + 1):
            for name, argv in commands.items():
                taken = footprint(tuple(map(str, argv)), environ)
                if index:  # the first unpacks the package for Node.js, once for a user
                    runs[name].append(taken)
        found = _agreement(root)
    figures = summary("qinfra", runs["qinfra"]) | summary("prebuilt", runs["prebuilt"])
    figures["prebuilt_vs_qinfra_time"] = figures["prebuilt_seconds"] / figures["qinfra_seconds"]
    figures["prebuilt_vs_qinfra_memory"] = figures["prebuilt_mib"] / figures["qinfra_mib"]
    return figures | found


def _stacks() -> tuple[Stack, ...]:
    return stacks_of(phase_config(Phase.MVP, GUIDE_NETWORK, Assumptions(), PhaseWishes()))


def _environment() -> Path:
    """Return the Python of an environment with the pinned packages, made when it is missing."""
    python, made = _ENVIRONMENT / "bin" / "python", _ENVIRONMENT / "pins"
    if not made.exists() or made.read_text() != "\n".join(PINS):
        subprocess.run((sys.executable, "-m", "venv", "--clear", str(_ENVIRONMENT)), check=True)
        pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        subprocess.run((*pip, "--constraint", str(_ROOT / "constraints.txt"), *PINS), check=True)
        made.write_text("\n".join(PINS))
    return python


def _agreement(root: Path) -> dict[str, float]:
    """Compare what both wrote, and print where it differs."""
    console = Console()
    counts = {"values_compared": 0.0, "spelt_differently": 0.0, "different": 0.0}
    for file in sorted((root / "qinfra").glob(f"stacks/*/{JSON_FILE}")):
        ours = json.loads(file.read_text())
        theirs = json.loads((root / "prebuilt" / file.relative_to(root / "qinfra")).read_text())
        counts["values_compared"] += values(ours)
        for each in differences(ours, theirs):
            counts["spelt_differently" if each.how == "spelling" else "different"] += 1
            console.print(str(each), markup=False, highlight=False, soft_wrap=True)
    return counts
