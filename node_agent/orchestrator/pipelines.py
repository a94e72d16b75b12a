"""How nodes become pipelines: chains of stages that together hold every layer once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from node_agent.orchestrator.registry import Announcement

Layers: TypeAlias = tuple[int, int]
"""First layer and the one after the last."""
Chain: TypeAlias = tuple[Layers, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Stages in the order a token visits them.

    Attributes:
        id: `<orchestrator>/<first>+...+<last>`.
        stages: At least one; together they hold [0, layers).
        epoch: Grows whenever a pipeline is formed; stages refuse an older one.
    """

    id: str
    stages: tuple[Announcement, ...]
    epoch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Formation:
    """The pipelines of one moment, and the highest epoch ever given out."""

    pipelines: tuple[Pipeline, ...] = ()
    last_epoch: int = 0


def form_pipelines(
    nodes: Iterable[Announcement], layers: int, *, orchestrator: str
) -> tuple[Pipeline, ...]:
    """Join nodes into pipelines so that every node on a complete chain is used.

    Nodes with the same layers form a level. Along one chain of levels there are as many pipelines
    as its largest level has nodes; the smaller levels take turns.

    Args:
        nodes: The ready ones, in any order.
        layers: Of the model; a pipeline covers [0, layers).
        orchestrator: Name that begins each pipeline's id.
    """
    levels: dict[Layers, list[Announcement]] = {}
    for node in sorted(nodes, key=lambda node: _numbered(node.name)):
        levels.setdefault((node.first_layer, node.end_layer), []).append(node)
    formed: list[Pipeline] = []
    for chain in _chains(sorted(levels), layers):
        width = max(len(levels[level]) for level in chain)
        for turn in range(width):
            stages = tuple(levels[level][turn % len(levels[level])] for level in chain)
            path = "+".join(node.name for node in stages)
            formed.append(Pipeline(id=f"{orchestrator}/{path}", stages=stages))
    return tuple(formed)


def advance(old: Formation, formed: tuple[Pipeline, ...]) -> Formation:
    """Number newly formed pipelines.

    A pipeline whose members and instances are as they were keeps its epoch; any other gets one
    that was never given out before.
    """
    known = {pipeline.stages: pipeline for pipeline in old.pipelines}
    last_epoch = old.last_epoch
    pipelines: list[Pipeline] = []
    for pipeline in formed:
        same = known.get(pipeline.stages)
        if same is None:
            last_epoch += 1
            same = replace(pipeline, epoch=last_epoch)
        pipelines.append(same)
    return Formation(pipelines=tuple(pipelines), last_epoch=last_epoch)


def _chains(levels: list[Layers], layers: int) -> list[Chain]:
    """Return complete chains, the shortest first, until each level that can be in one is."""
    heads = _shortest(levels)
    mirrored = _shortest(sorted((layers - end, layers - first) for first, end in levels))
    chains: set[Chain] = set()
    covered: set[Layers] = set()
    through = {
        level: (*heads[level[0]], level, *_mirror(mirrored[layers - level[1]], layers))
        for level in levels
        if level[0] in heads and layers - level[1] in mirrored
    }
    for level in sorted(through, key=lambda level: (len(through[level]), level)):
        if level not in covered:
            chains.add(through[level])
            covered.update(through[level])
    return sorted(chains, key=lambda chain: (len(chain), chain))


def _shortest(levels: list[Layers]) -> dict[int, Chain]:
    """Return, for every boundary that can be reached from layer 0, the shortest chain to it."""
    reached: dict[int, Chain] = {0: ()}
    for first, end in levels:
        if first in reached:
            chain = (*reached[first], (first, end))
            if end not in reached or len(chain) < len(reached[end]):
                reached[end] = chain
    return reached


def _mirror(chain: Chain, layers: int) -> Chain:
    return tuple((layers - end, layers - first) for first, end in reversed(chain))


def _numbered(name: str) -> tuple[str, int, str]:
    """Sort key that puts transformer-2 before transformer-10."""
    stem, _, number = name.rpartition("-")
    return (stem, int(number), name) if number.isdecimal() else (name, 0, name)
