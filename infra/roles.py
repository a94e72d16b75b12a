"""What a node does in the fleet, and how many do it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import StrEnum

from infra.domain import AMOUNT


class NodeRole(StrEnum):
    """The roles an agent can run, by the names its agent.toml knows."""

    ORCHESTRATOR = "orchestrator"
    EMBEDDING = "embedding"
    TRANSFORMER = "transformer"
    WORKER = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCounts:
    """Nodes by role; a worker holds the whole model."""

    orchestrator: int
    embedding: int
    transformer: int
    worker: int = 0
    oracle: int = 0
    monitoring: int = 0
    cache: int = 0

    def __post_init__(self) -> None:
        for item in fields(self):
            AMOUNT.check(f"{item.name} nodes", getattr(self, item.name))

    @property
    def total(self) -> int:
        """All nodes."""
        return sum(self.by_role().values())

    @property
    def pipelines(self) -> int:
        """Answers can be computed on this many disjoint sets of nodes, in two stages or one."""
        return min(self.embedding, self.transformer) + self.worker

    def by_role(self) -> dict[str, int]:
        """Return the counts under their roles' names, in the order of the request's way."""
        return asdict(self)
