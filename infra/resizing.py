"""A phase with another number of nodes than the model gives it, because a person said so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from infra.domain import AMOUNT, unknown
from infra.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.declaration import NodeGroup, PhaseConfig

_STAGES = ("embedding", "transformer")
MOST_NODES = 1000  # of a role in a region; more is a slip of the finger


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """How many nodes of a role a region shall have.

    Raises:
        ConfigError: The number is below 1 or above 1000.
    """

    role: str
    region: str
    count: int

    def __post_init__(self) -> None:
        AMOUNT.check("nodes", self.count)
        if not 1 <= self.count <= MOST_NODES:
            raise ConfigError(
                f"{self.count} {self.role} nodes in {self.region}: must be 1 to {MOST_NODES}",
                hint="`qinfra destroy` takes all of them away.",
            )


def resized(config: PhaseConfig, resizes: Iterable[Resize]) -> PhaseConfig:
    """Return a phase whose groups have the numbers asked for; all else is as the model has it.

    A group that follows load keeps doing so from that number on: it becomes its lower bound, and
    the upper one is raised to it when below. What the pipelines answer together follows their
    number. Nodes that are a single tenant's keep their number, which the tenant's settings say.

    Raises:
        ConfigError: The phase has no nodes of such a role in such a region.
    """
    groups = config.groups
    for resize in resizes:
        _there(config, resize)
        groups = tuple(
            _sized(group, resize.count)
            if (group.role, group.region) == (resize.role, resize.region) and not group.tenant
            else group
            for group in groups
        )
    before, after = _pipelines(config.groups), _pipelines(groups)
    answered = config.capacity_queries_per_hour
    if before:
        answered *= after / before
    return replace(config, groups=groups, capacity_queries_per_hour=answered)


def _there(config: PhaseConfig, resize: Resize) -> None:
    shared = config.shared.groups
    roles = {group.role for group in shared}
    if resize.role not in roles:
        raise unknown("role", resize.role, sorted(roles))
    regions = {group.region for group in shared if group.role == resize.role}
    if resize.region not in regions:
        raise unknown(f"region with {resize.role} nodes", resize.region, sorted(regions))


def _sized(group: NodeGroup, count: int) -> NodeGroup:
    highest = max(count, group.maximum) if group.scales else count
    return replace(group, count=count, minimum=count, maximum=highest)


def _pipelines(groups: Iterable[NodeGroup]) -> int:
    """A pipeline is one node of each stage, in the same region."""
    counts: dict[str, dict[str, int]] = {}
    for group in groups:
        if group.role in _STAGES and not group.tenant:
            counts.setdefault(group.region, {})[group.role] = group.count
    return sum(min(each.get(role, 0) for role in _STAGES) for each in counts.values())
