"""A fleet is up when every node says so and it has answered a question."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.errors import QinfraError, RemoteError
from provision.gateway import Answer, GatewayClient, Question
from provision.probe import NodeHealth, ready_all
from provision.targets.local import last_error, last_line

if TYPE_CHECKING:
    from pathlib import Path

    from provision.inventory import Inventory
    from provision.report.progress import Progress
    from provision.targets.target import Observation, Target

READY_SECONDS = 90.0
# A slow disk under a large checkpoint: the deadline grows by its size over this.
ASSUMED_READ_BYTES_PER_SECOND = 50_000_000
_ANSWER_SECONDS = 60.0
_ANSWER_TOKENS = 4
_POLL_SECONDS = 0.2
_AGAIN = "Remove the cause and run the same `qinfra deploy` again; nothing was left running."
_CHECK = Question(
    messages=({"role": "user", "content": "Is the network healthy?"},), max_tokens=_ANSWER_TOKENS
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What has to hold before a deploy is done.

    Args:
        root: The deployment's folder.
        operator: The operator's identity.
        inventory: The nodes.
        target: Where they run.
        api_key: For the question.
    """

    root: Path
    operator: Path
    inventory: Inventory
    target: Target
    api_key: str

    def wait_until_ready(self, progress: Progress, *, timeout_seconds: float) -> None:
        """Wait until every node says it is ready.

        Raises:
            RemoteError: An agent died, or the time is over; with the last line of its log.
        """
        deadline = time.monotonic() + timeout_seconds
        restarts = _restarts(self.target.observe())
        while True:
            health = ready_all(self.inventory, self.operator)
            observation = self.target.observe()
            for name, node in health.items():
                progress.node(name, _phase(node))
            self._check_alive(observation, restarts)
            if all(node.ready for node in health.values()):
                return
            if time.monotonic() > deadline:
                raise self._late(health, timeout_seconds)
            time.sleep(_POLL_SECONDS)

    def ask(self) -> tuple[Answer, ...]:
        """Have every gateway answer a short question.

        Raises:
            RemoteError: One does not.
        """
        return tuple(self._ask(url) for url in self.inventory.gateways)

    def _ask(self, url: str) -> Answer:
        try:
            with GatewayClient(url, self.api_key, timeout_seconds=_ANSWER_SECONDS) as client:
                answer = client.ask(_CHECK, client.model(), lambda _: None)
        except QinfraError as error:
            raise RemoteError(
                f"the fleet is ready, but does not answer: {error}", hint=error.hint
            ) from error
        if answer.completion_tokens == 0:
            raise RemoteError(f"the fleet is ready, but {url} answers with nothing", hint=_AGAIN)
        return answer

    def _check_alive(self, observation: Observation, restarts: dict[str, int]) -> None:
        if not observation.supervised:
            raise RemoteError(
                "the supervisor ended while its agents were starting",
                hint=f"Its last words: {last_line(self.root / 'supervisor.log')}",
            )
        for agent in observation.agents:
            died = agent.restarts > restarts.get(agent.name, 0)
            if died or (agent.pid is None and agent.last_exit):
                raise self._died(agent.name, agent.last_exit)

    def _died(self, name: str, reason: str) -> RemoteError:
        return RemoteError(f"{name} died ({reason}): {self._last_words(name)}", hint=_AGAIN)

    def _late(self, health: dict[str, NodeHealth], timeout_seconds: float) -> RemoteError:
        name, node = next((n, h) for n, h in health.items() if not h.ready)
        return RemoteError(
            f"{name} is not ready after {timeout_seconds:.0f} s ({node.reason}): "
            f"{self._last_words(name)}",
            hint=_AGAIN,
        )

    def _last_words(self, name: str) -> str:
        log = self.root / self.inventory.node(name).folder / "agent.log"
        return last_error(log) or last_line(log) or "its log is empty"


def ready_seconds(checkpoint_bytes: int) -> float:
    """Return how long nodes may take to load a checkpoint of this size."""
    return READY_SECONDS + checkpoint_bytes / ASSUMED_READ_BYTES_PER_SECOND


def _restarts(observation: Observation) -> dict[str, int]:
    return {agent.name: agent.restarts for agent in observation.agents}


def _phase(node: NodeHealth) -> str:
    if node.ready:
        return "ready"
    return node.reason if node.reachable else "starting"
