"""The stacks of a phase on AWS: one state for each region, joined from its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar

from infra.errors import ConfigError
from infra.stacks.aws_budget import budget
from infra.stacks.aws_data import data
from infra.stacks.aws_edge import edge
from infra.stacks.aws_global import global_stack
from infra.stacks.aws_ground import ground
from infra.stacks.aws_nodes import nodes
from infra.stacks.aws_tags import DEPLOYMENT, provider
from infra.stacks.aws_watch import watch
from infra.stacks.blocks import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from infra.declaration import PhaseConfig
    from infra.stacks.site import Part, Site

    RegionPart: TypeAlias = Callable[[PhaseConfig, str, Site], Part]

_T = TypeVar("_T")

# What stands on a region's ground, in the order in which a person reads it.
REGION_PARTS: tuple[RegionPart, ...] = (
    nodes,
    edge,
    data,
    watch,
    budget,
)


def aws_stacks(config: PhaseConfig) -> tuple[Stack, ...]:
    """Return a stack for each region of the phase, and one above them where it has any use.

    Raises:
        ConfigError: The phase is another cloud's.
    """
    if config.cloud != "aws":
        raise ConfigError(f"phase {config.phase} runs on {config.cloud}, not on aws")
    above = global_stack(config)
    regions = tuple(region_stack(config, region) for region in config.regions)
    return (*regions, above) if above else regions


def region_stack(
    config: PhaseConfig, region: str, parts: tuple[RegionPart, ...] = REGION_PARTS
) -> Stack:
    """Return what one state holds: the region's ground and the parts that stand on it.

    Parts may ask for the same variable, or look up the same data; it is declared once. All else
    that stands twice is refused.
    """
    site, base = ground(config, region)
    joined = (base, *(part(config, region, site) for part in parts))
    return Stack(
        name=f"{config.phase}-{region}",
        provider=provider(config, region),
        blocks=(
            *_once(block for part in joined for block in part.blocks if block.mode == "data"),
            *(block for part in joined for block in part.blocks if block.mode == "resource"),
        ),
        outputs=tuple(output for part in joined for output in part.outputs),
        variables=_once((DEPLOYMENT, *(each for part in joined for each in part.variables))),
    )


def _once(values: Iterable[_T]) -> tuple[_T, ...]:
    kept: list[_T] = []
    for value in values:
        if value not in kept:
            kept.append(value)
    return tuple(kept)
