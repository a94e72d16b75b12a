"""Asking a deployment: its gateways in order, the first that is there answers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from infra.errors import RemoteError
from provision.gateway import GatewayClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.gateway import Answer
    from provision.state import DeploymentFolder


@contextmanager
def connected(folder: DeploymentFolder) -> Iterator[tuple[GatewayClient, str]]:
    """Yield a client of the first gateway that answers, and the model it serves.

    Raises:
        ConfigError: The deployment has no gateway yet, or its key is refused.
        RemoteError: No gateway answers.
    """
    inventory = folder.agents()
    failure: RemoteError | None = None
    for url in inventory.gateways:
        with GatewayClient(url, folder.api_key()) as client:
            try:
                model = client.model()
            except RemoteError as error:
                failure = error
                continue
            yield client, model
            return
    raise failure or RemoteError(f"deployment {folder.name} has no gateway")


def timings(answer: Answer) -> str:
    """Return how long an answer took and who computed it, on one line."""
    parts = [f"{answer.completion_tokens} tokens"]
    if answer.first_text_seconds is not None:
        parts.append(f"first after {answer.first_text_seconds * 1000:.0f} ms")
    if answer.tokens_per_second is not None:
        parts.append(f"{answer.tokens_per_second:.1f} tokens/s")
    parts.append(f"{answer.seconds:.2f} s in all")
    if answer.nodes:
        parts.append(" -> ".join(answer.nodes))
    return f"[{', '.join(parts)}]"
