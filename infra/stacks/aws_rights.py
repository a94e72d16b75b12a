"""What the nodes of an AWS region may do in the account: a role and its profile for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.stacks.aws_groups import owners_in, roles_of, wearer
from infra.stacks.aws_policies import policy, trust
from infra.stacks.aws_vault import ACCOUNT
from infra.stacks.blocks import resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.declaration import PhaseConfig
    from infra.stacks.blocks import Block
    from infra.stacks.site import Site

METRICS = "qinfra"  # the namespace in which orchestrators tell of their load
LAYER_HOLDERS = ("embedding", "transformer", "worker")
_SESSIONS = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"


def rights(config: PhaseConfig, region: str, site: Site) -> Iterator[Block]:
    """Return each role's rights: its part of the bucket, the key to it, its log, and no more.

    A tenant's nodes have a role of their own, which alone reads what is the tenant's.

    Where no orchestrator has an address of its own there is no host to jump from, so people come
    in through Session Manager, to which the nodes connect from inside.
    """
    for role in roles_of(config, region):
        yield from _role(
            config,
            role,
            f"{site.label}-{role}",
            policy(*_statements(config, region, site, role)),
        )
    for tenant in owners_in(config, region):
        folders = ["releases", "models", f"tenants/{tenant.name}"]
        yield from _role(
            config,
            wearer(tenant.name),
            f"{site.label}-t-{tenant.name}",
            policy(*_of_any(region, site, folders)),
        )


def _role(config: PhaseConfig, who: str, name: str, allowed: str) -> Iterator[Block]:
    made = resource(
        "aws_iam_role",
        who,
        name=name,
        description=f"qinfra: {who} nodes",
        assume_role_policy=trust("ec2"),
    )
    yield made
    yield resource("aws_iam_role_policy", who, name="node", role=made.ref("id"), policy=allowed)
    if config.services.load_balancer:
        yield resource(
            "aws_iam_role_policy_attachment",
            f"{who}_sessions",
            role=made.ref("name"),
            policy_arn=_SESSIONS,
        )
    yield resource("aws_iam_instance_profile", who, name=name, role=made.ref("name"))


def cache_user(site: Site) -> str:
    """Return the name under which orchestrators sign in to the cache, with their role."""
    return f"{site.short}-node"


def _statements(
    config: PhaseConfig, region: str, site: Site, role: str
) -> Iterator[dict[str, Any]]:
    folders = ["releases", f"nodes/{role}", *(["models"] if role in LAYER_HOLDERS else [])]
    yield from _of_any(region, site, folders)
    if role == "orchestrator" and "cache" in site.groups:
        cache = f"arn:aws:elasticache:{region}:{ACCOUNT}"
        yield {
            "Sid": "Cache",
            "Action": "elasticache:Connect",
            "Resource": [
                f"{cache}:replicationgroup:{site.short}",
                f"{cache}:user:{cache_user(site)}",
            ],
        }
    if role == "orchestrator" and any(group.scales for group in config.groups):
        yield {
            "Sid": "TellLoad",
            "Action": "cloudwatch:PutMetricData",
            "Resource": "*",  # this action knows no resources
            "Condition": {"StringEquals": {"cloudwatch:namespace": METRICS}},
        }


def _of_any(region: str, site: Site, folders: list[str]) -> Iterator[dict[str, Any]]:
    """What any node may: read its folders of the bucket, and write its log."""
    paths = [f"{folder}/*" for folder in folders]
    where = site.bucket.ref("arn")
    yield {
        "Sid": "Fetch",
        "Action": "s3:GetObject",
        "Resource": [f"{where}/{path}" for path in paths],
    }
    yield {
        "Sid": "Look",
        "Action": "s3:ListBucket",
        "Resource": where,
        "Condition": {"StringLike": {"s3:prefix": paths}},
    }
    yield {
        "Sid": "Open",
        "Action": "kms:Decrypt",
        "Resource": site.key.ref("arn"),
        "Condition": {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}},
    }
    logs = f"arn:aws:logs:{region}:{ACCOUNT}:log-group:/qinfra/{site.label}/nodes"
    yield {
        "Sid": "Log",
        "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        "Resource": [logs, f"{logs}:*"],
    }
