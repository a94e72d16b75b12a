"""Groups of an AWS region's nodes that grow and shrink with the queue before the pipelines."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from infra.stacks.aws_groups import openings, wearer
from infra.stacks.aws_machine import (
    AMI,
    KEY_NAME,
    METADATA,
    ROOT_DISK,
    first_boot,
    market,
    placement_of,
    tenancy_of,
)
from infra.stacks.aws_network import way_out
from infra.stacks.aws_rights import METRICS
from infra.stacks.aws_tags import DEPLOYMENT, tags
from infra.stacks.blocks import resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.declaration import NodeGroup, PhaseConfig
    from infra.stacks.blocks import Block
    from infra.stacks.site import Site

QUEUE_METRIC = "queue_depth_per_slot"
# One request waits for every two that are being answered: it begins within half an answer's time.
ASSUMED_QUEUE_PER_SLOT = 0.5
# Boot, fetch and load of the weights; until then a new machine counts as none, so that its group
# does not go on growing for the load that it is about to take.
_ASSUMED_WARM_UP_SECONDS = 300


def scaling(config: PhaseConfig, site: Site, group: NodeGroup) -> tuple[Block, ...]:
    """Return a role's template, its group, and the policy that sets the group's size.

    All roles of a pipeline follow the same queue, so they grow in step. Terraform sets the size
    once and then leaves it to the policy; a new template is for machines to come.
    """
    template = _template(config, site, group)
    machines = _machines(config, site, group, template)
    return template, machines, _policy(group, machines)


def queue_dimensions(region: str, tenant: str = "") -> Mapping[str, str]:
    """Return by what the queue of one deployment in one region is told from all others.

    A tenant with pipelines of its own has a queue of its own.
    """
    own = {"tenant": tenant} if tenant else {}
    return {"deployment": DEPLOYMENT.ref, "region": region, **own}


def _template(config: PhaseConfig, site: Site, group: NodeGroup) -> Block:
    where = {"group_name": placement_of(config, group.role), "tenancy": tenancy_of(config, group)}
    placement = {name: value for name, value in where.items() if value}
    who = wearer(group.tenant, group.role)
    return resource(
        "aws_launch_template",
        group.key,
        name=f"{site.label}-{group.name}",
        update_default_version=True,
        image_id=AMI,
        instance_type=group.machine,
        key_name=KEY_NAME,
        vpc_security_group_ids=[site.groups[who].ref("id")],
        iam_instance_profile={"arn": f"${{aws_iam_instance_profile.{who}.arn}}"},
        instance_market_options=market(config),
        metadata_options=METADATA,
        ebs_optimized="true",
        placement=placement or None,
        block_device_mappings={
            "device_name": ROOT_DISK,
            "ebs": {
                "volume_type": "gp3",
                "volume_size": group.disk_gib,
                "encrypted": "true",
                "kms_key_id": site.key.ref("arn"),
                "delete_on_termination": "true",
            },
        },
        # Its machines are tagged by the group, their disks by none but the template.
        tag_specifications=[{"resource_type": "volume", "tags": dict(_worn(config, site, group))}],
        user_data=base64.b64encode(first_boot().encode()).decode(),
    )


# Load changes the one; to stop a fleet sets the other, without which the group ends its machines.
_LEFT_ALONE = ("desired_capacity", "suspended_processes")


def _machines(config: PhaseConfig, site: Site, group: NodeGroup, template: Block) -> Block:
    ways = {way for subnet in site.private for way in way_out(config, subnet)}
    return resource(
        "aws_autoscaling_group",
        group.key,
        name=f"{site.label}-{group.name}",
        min_size=group.minimum,
        max_size=group.maximum,
        desired_capacity=group.count,
        vpc_zone_identifier=[subnet.ref("id") for subnet in site.private],
        launch_template={"id": template.ref("id"), "version": template.ref("latest_version")},
        health_check_type="EC2",
        health_check_grace_period=_ASSUMED_WARM_UP_SECONDS,
        default_cooldown=_ASSUMED_WARM_UP_SECONDS,
        default_instance_warmup=_ASSUMED_WARM_UP_SECONDS,
        # A group's tags are its own: the provider's default ones do not reach it.
        tag=[
            {"key": key, "value": value, "propagate_at_launch": True}
            for key, value in sorted(_worn(config, site, group).items())
        ],
        meta={
            "lifecycle": {"ignore_changes": list(_LEFT_ALONE)},
            "depends_on": [*sorted(ways), *openings(wearer(group.tenant, group.role))],
        },
    )


def _worn(config: PhaseConfig, site: Site, group: NodeGroup) -> Mapping[str, str]:
    return {
        **tags(config),
        "Name": f"{site.label}-{group.name}",
        "qinfra_role": group.role,
        **({"qinfra_tenant": group.tenant} if group.tenant else {}),
    }


def _policy(group: NodeGroup, machines: Block) -> Block:
    """Follow the queue; while nobody tells of it the cloud neither adds nor takes a machine.

    Target tracking ignores missing data, so a dead publisher leaves the group at its size. It is
    the alarm `queue` that then rings.
    """
    return resource(
        "aws_autoscaling_policy",
        group.key,
        name=f"{group.name}-queue",
        autoscaling_group_name=machines.ref("name"),
        policy_type="TargetTrackingScaling",
        target_tracking_configuration={
            "target_value": ASSUMED_QUEUE_PER_SLOT,
            "customized_metric_specification": {
                "namespace": METRICS,
                "metric_name": QUEUE_METRIC,
                "statistic": "Average",
                "metric_dimension": [
                    {"name": name, "value": value}
                    for name, value in queue_dimensions(group.region, group.tenant).items()
                ],
            },
        },
    )
