"""What tells of a region: who spoke to whom, what nodes wrote, and alarms for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.stacks.aws_alarms import alarms
from infra.stacks.aws_backup import backup
from infra.stacks.aws_policies import policy, trust
from infra.stacks.blocks import Output, resource
from infra.stacks.site import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.declaration import PhaseConfig
    from infra.stacks.blocks import Block
    from infra.stacks.site import Site

LOG_DAYS = 30
_FLOW_SECONDS = 600  # the longer of the two that AWS offers, for a tenth of the records


def watch(config: PhaseConfig, region: str, site: Site) -> Part:
    """Return flow logs and the nodes' log group; alarms and backups where services are managed.

    The site's key has to let `logs.<region>.amazonaws.com` and `cloudwatch.amazonaws.com` use it.
    """
    nodes = _log_group(site, "nodes")
    warned = alarms(config, region, site)
    return Part(
        blocks=(nodes, *_flows(region, site), *warned.blocks, *backup(config, site)),
        outputs=(
            Output(
                name="node_log_group",
                value=nodes.ref("name"),
                description="Where the nodes' logs are sent.",
            ),
            *warned.outputs,
        ),
        variables=warned.variables,
    )


def _log_group(site: Site, what: str) -> Block:
    return resource(
        "aws_cloudwatch_log_group",
        what,
        name=f"/qinfra/{site.label}/{what}",
        retention_in_days=LOG_DAYS,
        kms_key_id=site.key.ref("arn"),
    )


def _flows(region: str, site: Site) -> Iterator[Block]:
    group = _log_group(site, "flows")
    yield group
    owner = site.vpc.ref("owner_id")
    role = resource(
        "aws_iam_role",
        "flow_logs",
        name=f"{site.label}-flow-logs",
        assume_role_policy=trust(
            "vpc-flow-logs",
            account=owner,
            source=f"arn:aws:ec2:{region}:{owner}:vpc-flow-log/*",
        ),
    )
    yield role
    yield _may_write(role, group)
    yield resource(
        "aws_flow_log",
        "main",
        vpc_id=site.vpc.ref("id"),
        traffic_type="ALL",
        max_aggregation_interval=_FLOW_SECONDS,
        log_destination_type="cloud-watch-logs",
        log_destination=group.ref("arn"),
        iam_role_arn=role.ref("arn"),
        meta={"depends_on": ["aws_iam_role_policy.flow_logs"]},
    )


def _may_write(role: Block, group: Block) -> Block:
    return resource(
        "aws_iam_role_policy",
        "flow_logs",
        name="write",
        role=role.ref("id"),
        policy=policy(
            {
                "Action": [
                    "logs:CreateLogStream",
                    "logs:PutLogEvents",
                    "logs:DescribeLogStreams",
                ],
                "Resource": f"{group.ref('arn')}:*",
            }
        ),
    )
