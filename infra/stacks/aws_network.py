"""The network of an AWS region: subnets in zones that rent the machine, and the ways out of them.

Adding a zone or a NAT gateway moves nothing that stands: each zone has ranges and a route table of
its own, and a subnet stays in its zone when the cloud begins to rent the machine in others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.machines import REGIONS
from infra.stacks.blocks import data, resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.declaration import PhaseConfig
    from infra.stacks.blocks import Block

_FIRST_RANGE = 16  # 10.16.0.0/16 and up; networks at home and at the office are often below
ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A VPC and its subnets, one public and one private for each zone."""

    vpc: Block
    public: tuple[Block, ...]
    private: tuple[Block, ...]


def network(config: PhaseConfig, region: str, label: str) -> tuple[Network, tuple[Block, ...]]:
    """Return the network of a region, and all its blocks.

    Args:
        config: Of the whole phase.
        region: One of its regions.
        label: Prefix of the names people see.
    """
    start = f"10.{range_of(region)}"
    vpc = resource(
        "aws_vpc",
        "main",
        cidr_block=f"{start}.0.0/16",
        enable_dns_support=True,
        enable_dns_hostnames=True,
        tags={"Name": label},
    )
    offerings = tuple(_offerings(config, region))
    common = ", ".join(_zones_of(each.address) for each in offerings)

    def subnet(kind: str, zone: int, numbers: str) -> Block:
        return resource(
            "aws_subnet",
            f"{kind}_{zone + 1}",
            vpc_id=vpc.ref("id"),
            cidr_block=f"{start}.{numbers}",
            availability_zone_id=f"${{sort(setintersection({common}))[{zone}]}}",
            tags={"Name": f"{label}-{kind}-{zone + 1}"},
            meta={"lifecycle": {"ignore_changes": ["availability_zone_id"]}},
        )

    zones = range(config.zones_per_region)
    net = Network(
        vpc=vpc,
        public=tuple(subnet("public", zone, f"{zone}.0/24") for zone in zones),
        private=tuple(subnet("private", zone, f"{16 * zone + 16}.0/20") for zone in zones),
    )
    ways = (
        *_public_ways(vpc, net.public, label),
        *_private_ways(net, config.services.nat_gateways, label),
        _storage_endpoint(vpc, region, net.private),
    )
    return net, (vpc, *offerings, *net.public, *net.private, *ways)


def range_of(region: str) -> int:
    """Return the second number of a region's 10.n.0.0/16; no two regions share one."""
    own = [name for name, cloud in REGIONS.items() if cloud == "aws"]
    return _FIRST_RANGE + own.index(region)


def way_out(config: PhaseConfig, subnet: Block) -> tuple[str, ...]:
    """Return the addresses of what must stand before a machine in the subnet reaches anything."""
    kind, _, number = subnet.name.partition("_")
    if kind == "private" and not config.services.nat_gateways:
        return ()
    route = f"aws_route.{subnet.name}" if kind == "private" else "aws_route.public"
    return (route, f"aws_route_table_association.{kind}_{number}")


def _offerings(config: PhaseConfig, region: str) -> Iterator[Block]:
    machines = {
        group.machine for group in config.groups if group.region == region and group.role != "cache"
    }
    for machine in sorted(machines):
        enough = f"${{length({_zones_of('self')}) >= {config.zones_per_region}}}"
        problem = f"{machine} is not rented in {config.zones_per_region} zones of {region}."
        yield data(
            "aws_ec2_instance_type_offerings",
            machine.replace(".", "_").replace("-", "_"),
            location_type="availability-zone-id",
            filter={"name": "instance-type", "values": [machine]},
            meta={
                "lifecycle": {"postcondition": [{"condition": enough, "error_message": problem}]}
            },
        )


def _zones_of(offering: str) -> str:
    """An expression for the zones that are offered, without the local ones near large cities."""
    return f'[for zone in {offering}.locations : zone if can(regex("^[a-z0-9]+-az[0-9]+$", zone))]'


def _public_ways(vpc: Block, subnets: tuple[Block, ...], label: str) -> Iterator[Block]:
    tags = {"Name": label}
    internet = resource("aws_internet_gateway", "main", vpc_id=vpc.ref("id"), tags=tags)
    yield internet
    yield _table(vpc, "public", label)
    yield resource(
        "aws_route",
        "public",
        route_table_id="${aws_route_table.public.id}",
        destination_cidr_block=ANYWHERE,
        gateway_id=internet.ref("id"),
    )
    for subnet in subnets:
        yield _association(subnet, "public")


def _private_ways(net: Network, gateways: int, label: str) -> Iterator[Block]:
    """Through the zone's own NAT gateway, where there is one for each."""
    made = [_nat(subnet, each, label) for each, subnet in enumerate(net.public[:gateways], start=1)]
    for pair in made:
        yield from pair
    for number, subnet in enumerate(net.private):
        yield _table(net.vpc, subnet.name, label)
        yield _association(subnet, subnet.name)
        if made:
            _, gateway = made[number % len(made)]
            yield resource(
                "aws_route",
                subnet.name,
                route_table_id=f"${{aws_route_table.{subnet.name}.id}}",
                destination_cidr_block=ANYWHERE,
                nat_gateway_id=gateway.ref("id"),
            )


def _table(vpc: Block, name: str, label: str) -> Block:
    tags = {"Name": f"{label}-{name.replace('_', '-')}"}
    return resource("aws_route_table", name, vpc_id=vpc.ref("id"), tags=tags)


def _association(subnet: Block, table: str) -> Block:
    return resource(
        "aws_route_table_association",
        subnet.name,
        subnet_id=subnet.ref("id"),
        route_table_id=f"${{aws_route_table.{table}.id}}",
    )


def _nat(subnet: Block, number: int, label: str) -> tuple[Block, Block]:
    name = f"nat_{number}"
    tags = {"Name": f"{label}-nat-{number}"}
    ready = {"depends_on": ["aws_internet_gateway.main"]}
    address = resource("aws_eip", name, domain="vpc", tags=tags, meta=ready)
    gateway = resource(
        "aws_nat_gateway",
        name,
        allocation_id=address.ref("id"),
        subnet_id=subnet.ref("id"),
        tags=tags,
        meta=ready,
    )
    return address, gateway


def _storage_endpoint(vpc: Block, region: str, private: tuple[Block, ...]) -> Block:
    """Weights and releases come from S3 on a way that is free, past the NAT gateway."""
    tables = [f"${{aws_route_table.{each.name}.id}}" for each in private]
    return resource(
        "aws_vpc_endpoint",
        "s3",
        vpc_id=vpc.ref("id"),
        service_name=f"com.amazonaws.{region}.s3",
        vpc_endpoint_type="Gateway",
        route_table_ids=["${aws_route_table.public.id}", *tables],
    )
