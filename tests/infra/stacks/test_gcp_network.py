from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from infra.ports import GRPC_PORT, SSH_PORT, STATUS_PORT
from infra.stacks.gcp_network import IAP_RANGE, SUBNET_RANGE
from tests.infra.stacks.gcp_demo import stack

ANYWHERE = "0.0.0.0/0"
ENTRY, EMBEDDING, TRANSFORMER = "qinfra-orchestrator", "qinfra-embedding", "qinfra-transformer"


def rules(direction: str) -> list[dict[str, Any]]:
    return [
        {"ports": [], **(rule.arguments.get("allow") or [{}])[0], **rule.arguments}
        for rule in stack().of_kind("google_compute_firewall")
        if rule.arguments["direction"] == direction
    ]


def reach(source: str, port: int) -> set[str]:
    """The tags that a source, a tag or a range, gets to on a port."""
    return {
        target
        for rule in rules("INGRESS")
        if str(port) in rule["ports"]
        and source in (*rule.get("source_tags", ()), *rule.get("source_ranges", ()))
        for target in rule["target_tags"]
    }


def test_ssh_is_never_open_to_the_world() -> None:
    for rule in rules("INGRESS"):
        if str(SSH_PORT) in rule["ports"]:
            assert ANYWHERE not in rule.get("source_ranges", ())
            assert rule["target_tags"]
    operator = f'${{var.operator_cidr == "" ? "{IAP_RANGE}" : var.operator_cidr}}'
    assert reach(operator, SSH_PORT) == {ENTRY}


@pytest.mark.parametrize(
    ("source", "port", "targets"),
    [
        (ANYWHERE, 443, {ENTRY}),
        (ANYWHERE, SSH_PORT, set()),
        (ANYWHERE, GRPC_PORT, set()),
        (ANYWHERE, STATUS_PORT, set()),
        (ENTRY, SSH_PORT, {EMBEDDING, TRANSFORMER}),
        (ENTRY, STATUS_PORT, {EMBEDDING, TRANSFORMER}),
        (ENTRY, GRPC_PORT, {EMBEDDING, TRANSFORMER}),
        (EMBEDDING, GRPC_PORT, {ENTRY, EMBEDDING, TRANSFORMER}),
        (TRANSFORMER, GRPC_PORT, {ENTRY, EMBEDDING, TRANSFORMER}),
        (EMBEDDING, SSH_PORT, set()),
        (TRANSFORMER, STATUS_PORT, set()),
    ],
)
def test_who_reaches_whom(source: str, port: int, targets: set[str]) -> None:
    assert reach(source, port) == targets


@pytest.mark.parametrize("direction", ["INGRESS", "EGRESS"])
def test_what_is_not_allowed_is_denied(direction: str) -> None:
    (last,) = [rule for rule in rules(direction) if "deny" in rule]
    assert last["deny"] == [{"protocol": "all"}]
    assert "target_tags" not in last
    ranges = "source_ranges" if direction == "INGRESS" else "destination_ranges"
    assert last[ranges] == [ANYWHERE]
    assert all(rule["priority"] < last["priority"] for rule in rules(direction) if rule != last)


def test_outward_there_is_only_the_web_and_the_own_subnetwork() -> None:
    ways = {
        (rule["destination_ranges"][0], port) for rule in rules("EGRESS") for port in rule["ports"]
    }
    inside = {(SUBNET_RANGE, str(port)) for port in (SSH_PORT, GRPC_PORT, STATUS_PORT)}
    assert ways == {(ANYWHERE, "80"), (ANYWHERE, "443"), *inside}


def test_the_identity_aware_range_is_a_range() -> None:
    assert ipaddress.ip_network(IAP_RANGE).num_addresses == 4096
