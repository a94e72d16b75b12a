"""A checkpoint's facts, asked of the agent in a process of its own."""

from __future__ import annotations

import json
import subprocess

from infra.capacity.placement import ModelShape
from infra.errors import ConfigError, QinfraError
from provision.targets.processes import death_with_parent

# A hub id is downloaded first, which may take as long as the line is slow.
_TIMEOUT_SECONDS = 3600.0


def inspect_model(model: str, agent_command: tuple[str, ...]) -> ModelShape:
    """Return the shape of a checkpoint without loading it.

    Args:
        model: A folder, a hub id, or `demo` for the embedded one.
        agent_command: What starts an agent.

    Raises:
        ConfigError: The checkpoint cannot be served; what is wrong with it is said.
        QinfraError: The agent itself failed.
    """
    finished = subprocess.run(
        (*agent_command, "inspect", "--json", "--", model),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=_TIMEOUT_SECONDS,
        check=False,
        preexec_fn=death_with_parent(),
    )
    if finished.returncode != 0:
        raise _explained(finished.returncode, finished.stderr, model)
    try:
        facts = json.loads(finished.stdout)
    except ValueError as error:
        raise QinfraError(f"model '{model}': its inspection is not JSON: {error}") from error
    return ModelShape.from_inspection(facts)


def _explained(status: int, stderr: str, model: str) -> QinfraError:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    message = next((x.removeprefix("Error: ") for x in lines if x.startswith("Error: ")), "")
    hint = next((x.removeprefix("Hint: ") for x in lines if x.startswith("Hint: ")), "")
    if status == ConfigError.exit_code and message:
        return ConfigError(message, hint=hint)
    last = message or (lines[-1] if lines else f"exit code {status}")
    return QinfraError(f"model '{model}' could not be inspected: {last}", hint=hint)
