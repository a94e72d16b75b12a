"""A deploy in a process of its own, for tests that kill it.

usage: deploying.py HOME MODEL PHASE [STEP]: with STEP, it kills itself when the journal has it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from infra.config import Settings
from infra.errors import QinfraError
from provision.cli.options import terminable
from provision.deploy import deploy
from provision.preparation import World
from provision.report.progress import LineProgress
from provision.state import DeploymentFolder
from provision.wishes import Flags, wish

STANDIN = (sys.executable, str(Path(__file__).with_name("standin_agent.py")))


@dataclass(frozen=True, slots=True)
class FatalFolder(DeploymentFolder):
    fatal_step: str = ""

    def record(self, step: str, now: datetime, **details: object) -> None:
        DeploymentFolder.record(self, step, now, **details)
        if step == self.fatal_step:
            os.kill(os.getpid(), signal.SIGKILL)

    def create(self) -> None:
        DeploymentFolder.create(self)
        if self.fatal_step == "created":
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    home, model, phase, *step = sys.argv[1:]
    folder = FatalFolder(Path(home), "fleet", *step)
    wanted = wish(Flags(phase=phase, model=model), Settings(), version="1")
    progress = LineProgress(sys.stderr.write, time.monotonic)
    with terminable():
        try:
            deploy(folder, wanted, World(agent_command=STANDIN), progress, command="test")
        except QinfraError as error:
            sys.stderr.write(f"Error: {error}\n")
            return error.exit_code
        except KeyboardInterrupt:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
