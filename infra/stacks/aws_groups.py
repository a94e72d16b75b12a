"""Who may speak to whom in an AWS region: a security group for each role, a rule for each pair.

Rules are resources of their own, one direction each, so that none is replaced with another. What
no rule names is closed, out as well as in; DNS and the time come from the hypervisor, past them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.errors import ConfigError
from infra.ports import (
    CACHE_PORT,
    DATABASE_PORT,
    GATEWAY_PORT,
    GRPC_PORT,
    HTTPS_PORT,
    SSH_PORT,
    STATUS_PORT,
)
from infra.stacks.aws_network import ANYWHERE
from infra.stacks.blocks import Variable, data, resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.declaration import PhaseConfig
    from infra.stacks.blocks import Block
    from infra.tenants import Tenant

_HTTP_PORT = 80
_ENTRY = "orchestrator"
# Of all agents these speak the protocol of the pipelines; whoever is asked may be the one to call.
_TALKERS = (
    (_ENTRY, "embedding"),
    (_ENTRY, "transformer"),
    ("embedding", "transformer"),
    (_ENTRY, "worker"),
)
_SERVICES = ("balancer", "checks", "database", "cache")
# Lists of addresses that AWS keeps. A group holds 60 rules, and the CDN's list counts as 55 of
# them, so that it serves one port, and the checks (25) have a group of their own.
_CDN_ADDRESSES = "com.amazonaws.global.cloudfront.origin-facing"
_CHECK_ADDRESSES = "com.amazonaws.{region}.route53-healthchecks"
# Of the rules out that an orchestrator's group holds, each tenant's nodes take two.
MOST_TENANTS = 20
_WIDEST = 8  # bits of a network's prefix; half the internet is not an operator's network either

VARIABLES = (
    Variable(
        name="operator_cidr",
        kind="string",
        description="Network from which SSH reaches the orchestrators; nobody when empty.",
        default="",
        condition=(
            'var.operator_cidr == "" || (can(cidrnetmask(var.operator_cidr)) && '
            "(var.allow_ssh_from_anywhere || "
            f'try(tonumber(split("/", var.operator_cidr)[1]), 0) >= {_WIDEST}))'
        ),
        problem="An IPv4 network such as 203.0.113.7/32; wider than /8 only on demand.",
    ),
    Variable(
        name="allow_ssh_from_anywhere",
        kind="bool",
        description="Whether operator_cidr may be 0.0.0.0/0.",
        default=False,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two groups, of which one may open connections to the other.

    Attributes:
        what: Of the traffic, in a word.
    """

    source: str
    target: str
    port: int
    what: str


def security_groups(
    config: PhaseConfig, region: str, vpc: Block, label: str
) -> tuple[Mapping[str, Block], tuple[Block, ...]]:
    """Return the groups by who wears them, and all blocks with their rules.

    Raises:
        ConfigError: More tenants have nodes of their own than an orchestrator's group has rules.
    """
    roles = roles_of(config, region)
    owners = {wearer(each.name): f"t-{each.name}" for each in owners_in(config, region)}
    named = {name: name for name in (*roles, *_services(config, region))} | owners
    groups = {
        name: resource(
            "aws_security_group",
            name,
            name=f"{label}-{shown}",
            description=f"qinfra: {name}",
            vpc_id=vpc.ref("id"),
            tags={"Name": f"{label}-{shown}"},
        )
        for name, shown in named.items()
    }
    closed = resource("aws_default_security_group", "closed", vpc_id=vpc.ref("id"))
    between = (rule for pair in pairs(config, region) for rule in _between(groups, pair))
    outside = _outside(groups, (*roles, *owners), region)
    return groups, (closed, *groups.values(), *between, *outside)


def roles_of(config: PhaseConfig, region: str) -> tuple[str, ...]:
    """Return the roles whose nodes are machines of the region, and everybody's."""
    return tuple(
        group.role
        for group in config.groups
        if group.region == region and group.role != "cache" and group.maximum and not group.tenant
    )


def owners_in(config: PhaseConfig, region: str) -> tuple[Tenant, ...]:
    """Return the tenants with nodes of their own in the region.

    Raises:
        ConfigError: They are too many.
    """
    names = {group.tenant for group in config.groups if group.region == region and group.maximum}
    owners = tuple(each for each in config.tenants if each.name in names)
    if len(owners) > MOST_TENANTS:
        raise ConfigError(
            f"{len(owners)} tenants have nodes of their own in {region}, and the rules of a "
            f"security group are enough for {MOST_TENANTS}",
            hint="Let small tenants share everybody's pipelines: leave out `pipelines`.",
        )
    return owners


def wearer(tenant: str, role: str = "") -> str:
    """Return under which name a node's group, role and profile go: its tenant's, or its role's.

    A tenant's nodes reach each other and the orchestrators; no other tenant's.
    """
    return f"tenant_{tenant.replace('-', '_')}" if tenant else role


def openings(wearer: str) -> tuple[str, ...]:
    """Return the addresses of the rules without which machines of a group fetch no packages."""
    rule = "aws_vpc_security_group_egress_rule"
    return tuple(f"{rule}.{wearer}_{what}_to_anywhere" for what in ("http", "https"))


def pairs(config: PhaseConfig, region: str) -> tuple[Pair, ...]:
    """Return who may open connections to whom inside the region."""
    owners = tuple(wearer(tenant.name) for tenant in owners_in(config, region))
    nodes = (*roles_of(config, region), *owners)
    services = _services(config, region)
    talkers = (*_TALKERS, *((_ENTRY, owner) for owner in owners))
    wanted = [
        *(Pair(source=a, target=b, port=GRPC_PORT, what="grpc") for a, b in talkers),
        *(Pair(source=b, target=a, port=GRPC_PORT, what="grpc") for a, b in talkers),
        *(Pair(source=owner, target=owner, port=GRPC_PORT, what="grpc") for owner in owners),
        *(
            Pair(source="monitoring", target=node, port=STATUS_PORT, what="status")
            for node in nodes
        ),
        *(
            Pair(source=_ENTRY, target=node, port=SSH_PORT, what="ssh")
            for node in nodes
            if node != _ENTRY
        ),
        Pair(source="balancer", target=_ENTRY, port=GATEWAY_PORT, what="gateway"),
        Pair(source=_ENTRY, target="database", port=DATABASE_PORT, what="postgres"),
        Pair(source=_ENTRY, target="cache", port=CACHE_PORT, what="redis"),
    ]
    known = {*nodes, *services}
    return tuple(pair for pair in wanted if {pair.source, pair.target} <= known)


def _services(config: PhaseConfig, region: str) -> tuple[str, ...]:
    services = config.services
    cached = any(each.role == "cache" and each.region == region for each in config.groups)
    checks = services.load_balancer and services.cdn
    there = (services.load_balancer, checks, services.database, services.cache or cached)
    return tuple(name for name, exists in zip(_SERVICES, there, strict=True) if exists)


def _between(groups: Mapping[str, Block], pair: Pair) -> Iterator[Block]:
    source, target = groups[pair.source], groups[pair.target]
    ports: dict[str, Any] = {"ip_protocol": "tcp", "from_port": pair.port, "to_port": pair.port}
    yield resource(
        "aws_vpc_security_group_ingress_rule",
        f"{pair.target}_{pair.what}_from_{pair.source}",
        description=f"{pair.what} from {pair.source}",
        security_group_id=target.ref("id"),
        referenced_security_group_id=source.ref("id"),
        **ports,
    )
    yield resource(
        "aws_vpc_security_group_egress_rule",
        f"{pair.source}_{pair.what}_to_{pair.target}",
        description=f"{pair.what} to {pair.target}",
        security_group_id=source.ref("id"),
        referenced_security_group_id=target.ref("id"),
        **ports,
    )


def _outside(groups: Mapping[str, Block], roles: tuple[str, ...], region: str) -> Iterator[Block]:
    for role in roles:  # packages come over HTTP, signed; all else over HTTPS
        for what, port in (("https", HTTPS_PORT), ("http", _HTTP_PORT)):
            yield _public("egress", f"{role}_{what}_to_anywhere", groups[role], port)
    if _ENTRY in groups:
        yield _public(
            "ingress", "orchestrator_ssh_from_operator", groups[_ENTRY], SSH_PORT, operator=True
        )
    if "checks" in groups:
        yield from _behind_cdn(groups, region)
    elif "balancer" in groups:
        for what, port in (("https", HTTPS_PORT), ("http", _HTTP_PORT)):
            name = f"balancer_{what}_from_anywhere"
            yield _public("ingress", name, groups["balancer"], port)
    elif _ENTRY in groups:
        name = "orchestrator_https_from_anywhere"
        yield _public("ingress", name, groups[_ENTRY], HTTPS_PORT)


def _behind_cdn(groups: Mapping[str, Block], region: str) -> Iterator[Block]:
    """Open the balancer to the CDN and to the checks of its health, and to nobody else.

    Another customer's distribution comes from the same addresses. It passes the same firewall and
    needs an API key as well; a shared header would tell it apart, but lie in the state as text.
    """
    for group, origin, name in (
        ("balancer", "cdn", _CDN_ADDRESSES),
        ("checks", "route53", _CHECK_ADDRESSES.format(region=region)),
    ):
        addresses = data("aws_ec2_managed_prefix_list", origin, name=name)
        yield addresses
        yield resource(
            "aws_vpc_security_group_ingress_rule",
            f"{group}_https_from_{origin}",
            description=f"{group} https from {origin}",
            security_group_id=groups[group].ref("id"),
            prefix_list_id=addresses.ref("id"),
            ip_protocol="tcp",
            from_port=HTTPS_PORT,
            to_port=HTTPS_PORT,
        )


def _public(direction: str, name: str, group: Block, port: int, *, operator: bool = False) -> Block:
    return resource(
        f"aws_vpc_security_group_{direction}_rule",
        name,
        description=name.replace("_", " "),
        security_group_id=group.ref("id"),
        cidr_ipv4="${each.value}" if operator else ANYWHERE,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        meta={"for_each": "${toset(compact([var.operator_cidr]))}"} if operator else {},
    )
