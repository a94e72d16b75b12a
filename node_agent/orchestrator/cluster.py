"""The fleet as /v1/cluster shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node_agent.orchestrator.slots import free_slots

if TYPE_CHECKING:
    from node_agent.config import NodeConfig
    from node_agent.orchestrator.fleet import Fleet
    from node_agent.orchestrator.pipelines import Pipeline
    from node_agent.orchestrator.registry import Announcement, NodeRecord
    from node_agent.orchestrator.room import WaitingRoom


def cluster_view(
    config: NodeConfig, version: str, fleet: Fleet, room: WaitingRoom
) -> dict[str, Any]:
    """Describe the fleet in JSON types.

    Args:
        config: Of this orchestrator.
        version: Of qinfra, here.
        fleet: Nodes and pipelines.
        room: What they are busy with.
    """
    return {
        "orchestrator": config.node.name,
        "version": version,
        "model": config.model.model_dump(include={"id", "revision", "layers", "context_tokens"}),
        "pipelines": [_pipeline(pipeline, room) for pipeline in fleet.pipelines],
        "nodes": [_node(record, fleet, room) for record in fleet.records()],
        "waiting": room.waiting,
    }


def _pipeline(pipeline: Pipeline, room: WaitingRoom) -> dict[str, Any]:
    return {
        "id": pipeline.id,
        "epoch": pipeline.epoch,
        "state": "ready" if free_slots(pipeline, room.load) else "full",
        "stages": [_stage(node) for node in pipeline.stages],
        "active": room.active.get(pipeline.id, 0),
    }


def _stage(node: Announcement) -> dict[str, Any]:
    return {"name": node.name, "role": str(node.role), "layers": [node.first_layer, node.end_layer]}


def _node(record: NodeRecord, fleet: Fleet, room: WaitingRoom) -> dict[str, Any]:
    node, vitals = record.node, record.vitals
    return {
        **_stage(node),
        "state": "ready" if fleet.connected(node) else "connecting",
        "address": node.address,
        "instance": node.instance,
        "generation": record.generation,
        "lease_seconds_left": round(fleet.seconds_left(record), 3),
        "slots": node.slots,
        "active": room.load.get(node.key, 0),
        "resident_bytes": vitals.resident_bytes,
        "tokens_computed": vitals.tokens_computed,
        "last_token_age_seconds": vitals.last_token_age_seconds,
    }
