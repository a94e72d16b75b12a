"""The network of a region on Google Cloud: what is not allowed here by name is denied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.ports import GRPC_PORT, HTTPS_PORT, SSH_PORT, STATUS_PORT
from infra.roles import NodeRole
from infra.stacks.blocks import Variable, resource
from infra.stacks.site import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.stacks.blocks import Block

SUBNET_RANGE = "10.10.0.0/24"
IAP_RANGE = "35.235.240.0/20"  # Identity-Aware Proxy's TCP forwarding, Google's documentation
_ANYWHERE = "0.0.0.0/0"
_ALLOWED, _DENIED = 1_000, 65_534  # the cloud's own rules have 65535, and let everything out
_ENTRY = NodeRole.ORCHESTRATOR.value
_STAGES = (NodeRole.EMBEDDING.value, NodeRole.TRANSFORMER.value, NodeRole.WORKER.value)
_WEB_PORTS = (80, 443)  # packages, releases, weights; names and time come from the metadata server

OPERATOR_CIDR = Variable(
    name="operator_cidr",
    kind="string",
    description="IPv4 range that may reach SSH on the orchestrator; empty: only through "
    "Identity-Aware Proxy",
    default="",
    condition='var.operator_cidr == "" || (can(cidrnetmask(var.operator_cidr)) && '
    'try(tonumber(split("/", var.operator_cidr)[1]), 0) >= 16)',
    problem="Set operator_cidr to an IPv4 range of /16 or smaller, as 203.0.113.7/32, or leave "
    "it empty for Identity-Aware Proxy.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What is found in the cloud by.

    Attributes:
        label: Prefix of every name.
        mark: Description of what can carry no labels, in their place.
    """

    label: str
    mark: str


def tag(role: str) -> str:
    """Return the network tag by which the firewall knows the nodes of a role."""
    return f"qinfra-{role}"


def network(names: Names, region: str, roles: tuple[str, ...], *, nat: bool) -> Part:
    """Return the network, its way out and its firewall.

    Args:
        names: Of all that is made.
        region: Of the subnetwork.
        roles: Those that have nodes here.
        nat: Whether nodes without an address of their own reach the internet.
    """
    vpc = resource(
        "google_compute_network",
        "main",
        name=names.label,
        description=names.mark,
        auto_create_subnetworks=False,
        routing_mode="REGIONAL",
    )
    subnet = resource(
        "google_compute_subnetwork",
        "main",
        name=names.label,
        description=names.mark,
        region=region,
        network=vpc.ref("id"),
        ip_cidr_range=SUBNET_RANGE,
        private_ip_google_access=True,
    )
    way_out = _nat(names, region, vpc, subnet) if nat else ()
    firewall = _Firewall(names, vpc)
    rules = (*firewall.inward(roles), *firewall.outward())
    return Part(blocks=(vpc, subnet, *way_out, *rules), variables=(OPERATOR_CIDR,))


def _nat(names: Names, region: str, vpc: Block, subnet: Block) -> tuple[Block, ...]:
    router = resource(
        "google_compute_router",
        "main",
        name=names.label,
        description=names.mark,
        region=region,
        network=vpc.ref("id"),
    )
    nat = resource(
        "google_compute_router_nat",
        "main",
        name=names.label,
        region=region,
        router=router.ref("name"),
        nat_ip_allocate_option="AUTO_ONLY",
        source_subnetwork_ip_ranges_to_nat="LIST_OF_SUBNETWORKS",
        subnetwork=[{"name": subnet.ref("id"), "source_ip_ranges_to_nat": ["ALL_IP_RANGES"]}],
    )
    return router, nat


class _Firewall:
    def __init__(self, names: Names, vpc: Block) -> None:
        self._names, self._vpc = names, vpc

    def inward(self, roles: tuple[str, ...]) -> Iterator[Block]:
        others = [tag(role) for role in roles if role != _ENTRY]
        stages = [tag(role) for role in roles if role in _STAGES]
        entry = [tag(_ENTRY)]
        operator = f'${{var.operator_cidr == "" ? "{IAP_RANGE}" : var.operator_cidr}}'
        yield self._allow("https", (HTTPS_PORT,), source_ranges=[_ANYWHERE], target_tags=entry)
        yield self._allow("ssh_operator", (SSH_PORT,), source_ranges=[operator], target_tags=entry)
        if others:
            ports = (SSH_PORT, STATUS_PORT)
            yield self._allow("upkeep", ports, source_tags=entry, target_tags=others)
        if stages:  # they register with the orchestrator; it and earlier stages call them
            yield self._allow("registry", (GRPC_PORT,), source_tags=stages, target_tags=entry)
            callers = entry + stages
            yield self._allow("stages", (GRPC_PORT,), source_tags=callers, target_tags=stages)
        yield self._rule(
            "deny_inward",
            direction="INGRESS",
            priority=_DENIED,
            source_ranges=[_ANYWHERE],
            deny=[{"protocol": "all"}],
        )

    def outward(self) -> Iterator[Block]:
        inside = [{"protocol": "tcp", "ports": _texts((SSH_PORT, GRPC_PORT, STATUS_PORT))}]
        web = [{"protocol": "tcp", "ports": _texts(_WEB_PORTS)}]
        for name, destination, allow in (
            ("out_inside", SUBNET_RANGE, inside),
            ("out_web", _ANYWHERE, web),
        ):
            yield self._rule(
                name,
                direction="EGRESS",
                priority=_ALLOWED,
                destination_ranges=[destination],
                allow=allow,
            )
        yield self._rule(
            "deny_outward",
            direction="EGRESS",
            priority=_DENIED,
            destination_ranges=[_ANYWHERE],
            deny=[{"protocol": "all"}],
        )

    def _allow(self, name: str, ports: tuple[int, ...], **who: list[str]) -> Block:
        allow = [{"protocol": "tcp", "ports": _texts(ports)}]
        return self._rule(name, direction="INGRESS", priority=_ALLOWED, allow=allow, **who)

    def _rule(self, name: str, **arguments: Any) -> Block:
        return resource(
            "google_compute_firewall",
            name,
            name=f"{self._names.label}-{name.replace('_', '-')}",
            description=self._names.mark,
            network=self._vpc.ref("id"),
            **arguments,
        )


def _texts(ports: tuple[int, ...]) -> list[str]:
    return [str(port) for port in ports]
