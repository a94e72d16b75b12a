"""The nodes of an AWS region: one instance each, or a group that grows and shrinks with load.

A node's address is its role and number, with its tenant between them where it has one, so adding
a node or a tenant touches no other. A reserved phase declares
the same instances as one on demand: a reservation is a bill's matter and finds them by itself.

The cloud's own metrics stay at five minutes, which is free; the agents tell of themselves sooner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.stacks.aws_groups import openings, wearer
from infra.stacks.aws_machine import (
    AMI,
    KEY_NAME,
    METADATA,
    VARIABLES,
    first_boot,
    market,
    placement_of,
    shared,
    tenancy_of,
)
from infra.stacks.aws_network import way_out
from infra.stacks.aws_rights import rights
from infra.stacks.aws_scaling import scaling
from infra.stacks.blocks import Output, resource
from infra.stacks.site import Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.declaration import NodeGroup, PhaseConfig
    from infra.stacks.blocks import Block
    from infra.stacks.site import Site

# What decides only how a machine begins: none that runs is replaced or stopped for its sake.
_FIRST_BOOT_ONLY = ("ami", "associate_public_ip_address", "key_name", "user_data")


def nodes(config: PhaseConfig, region: str, site: Site) -> Part:
    """Return a region's nodes with their rights.

    Orchestrators have addresses of their own where no balancer stands before them; all other nodes
    are reached from inside only.
    """
    groups = [
        group
        for group in config.groups
        if group.region == region and group.role != "cache" and group.maximum
    ]
    fixed = [group for group in groups if not group.scales]
    instances = [each for group in fixed for each in _instances(config, site, group)]
    addresses = [each for group in fixed for each in _addresses(config, site, group)]
    scaled = [scaling(config, site, group) for group in groups if group.scales]
    return Part(
        blocks=(
            *shared(config, region, site),
            *rights(config, region, site),
            *instances,
            *addresses,
            *(block for part in scaled for block in part),
        ),
        outputs=_outputs(config, fixed, [group for group in groups if group.scales]),
        variables=VARIABLES,
    )


def _instances(config: PhaseConfig, site: Site, group: NodeGroup) -> Iterator[Block]:
    public = _is_public(config, group.role)
    subnets = site.public if public else site.private
    for number in range(1, group.count + 1):
        subnet = subnets[(number - 1) % len(subnets)]
        node = f"{group.name}-{number}"
        name = f"{site.label}-{node}"
        who = wearer(group.tenant, group.role)
        yield resource(
            "aws_instance",
            f"{group.key}_{number}",
            ami=AMI,
            instance_type=group.machine,
            subnet_id=subnet.ref("id"),
            # Its first boot needs a way out before the lasting address is attached.
            associate_public_ip_address=True if public else None,
            vpc_security_group_ids=[site.groups[who].ref("id")],
            iam_instance_profile=f"${{aws_iam_instance_profile.{who}.name}}",
            key_name=KEY_NAME,
            tenancy=tenancy_of(config, group),
            placement_group=placement_of(config, group.role),
            instance_market_options=market(config),
            metadata_options=METADATA,
            ebs_optimized=True,
            root_block_device=_root_disk(site, group),
            # A host's name has 64 characters; with a tenant in it, the region has no room.
            user_data=first_boot(f"{site.short}-{node}" if group.tenant else name),
            tags={
                "Name": name,
                "qinfra_role": group.role,
                "qinfra_node": node,
                **({"qinfra_tenant": group.tenant} if group.tenant else {}),
            },
            meta={
                "lifecycle": {"ignore_changes": list(_FIRST_BOOT_ONLY)},
                "depends_on": [*way_out(config, subnet), *openings(who)],
            },
        )


def _root_disk(site: Site, group: NodeGroup) -> Mapping[str, Any]:
    return {
        "volume_type": "gp3",
        "volume_size": group.disk_gib,
        "encrypted": True,
        "kms_key_id": site.key.ref("arn"),
        "delete_on_termination": True,
    }


def _addresses(config: PhaseConfig, site: Site, group: NodeGroup) -> Iterator[Block]:
    """Addresses that outlive the machines: names and clients keep pointing at them."""
    if not _is_public(config, group.role):
        return
    for number in range(1, group.count + 1):
        yield resource(
            "aws_eip",
            f"{group.role}_{number}",
            domain="vpc",
            instance=f"${{aws_instance.{group.role}_{number}.id}}",
            tags={"Name": f"{site.label}-{group.role}-{number}"},
            meta={"depends_on": ["aws_internet_gateway.main"]},
        )


def _is_public(config: PhaseConfig, role: str) -> bool:
    return role == "orchestrator" and not config.services.load_balancer


def _outputs(
    config: PhaseConfig, fixed: list[NodeGroup], scaled: list[NodeGroup]
) -> tuple[Output, ...]:
    machines = {
        f"{group.name}-{number}": _facts(config, group, f"{group.key}_{number}")
        for group in fixed
        for number in range(1, group.count + 1)
    }
    scaling_groups = {
        group.name: f"${{aws_autoscaling_group.{group.key}.name}}" for group in scaled
    }
    return (
        Output(name="nodes", value=machines, description="Machines that stand for themselves."),
        Output(
            name="scaling_groups",
            value=scaling_groups,
            description="By role, groups whose machines come and go; their names.",
        ),
        *_tenants(config),
    )


def _tenants(config: PhaseConfig) -> Iterator[Output]:
    if config.tenants:
        yield Output(
            name="tenants",
            value={
                tenant.name: {
                    "title": tenant.shown,
                    "domain": tenant.domain,
                    "model": tenant.model,
                    "pipelines": tenant.pipelines,
                }
                for tenant in config.tenants
            },
            description="By name: what people see, own domain and model, pipelines of all regions.",
        )


def _facts(config: PhaseConfig, group: NodeGroup, name: str) -> Mapping[str, str]:
    public = f"${{aws_eip.{name}.public_ip}}" if _is_public(config, group.role) else ""
    tenant = config.tenant_of(group)
    return {
        "role": group.role,
        **({"tenant": tenant.name, "model": tenant.model} if tenant else {}),
        "private_ip": f"${{aws_instance.{name}.private_ip}}",
        "public_ip": public,
        "instance_id": f"${{aws_instance.{name}.id}}",
    }
