"""Two deployments in one account and region, and the longest names that either may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from infra.declaration import Phase, PhaseConfig
from infra.errors import ConfigError
from infra.machines import REGIONS
from infra.stacks.aws import aws_stacks
from infra.stacks.blocks import Block
from infra.stacks.names import LONGEST_DEPLOYMENT, check_deployment
from tests.infra.stacks.ground import config_of

PHASES = [Phase.MVP, Phase.PRODUCTION, Phase.ENTERPRISE]
DEPLOYMENT = "${var.deployment}"
LONGEST_REGION = max((name for name, cloud in REGIONS.items() if cloud == "aws"), key=len)

# The arguments by which people and services tell a thing from another of its kind.
NAMING = {
    "alarm_name", "bucket", "comment", "description", "final_snapshot_identifier", "identifier",
    "key_name", "name", "replication_group_id", "user_group_id", "user_id", "user_name",
}  # fmt: skip
# Their names are unique inside of something that carries the deployment, or are not ours to choose.
INSIDE = {
    "aws_autoscaling_policy": "its group",
    "aws_iam_role_policy": "its role",
    "aws_route53_record": "the domain's zone",
    "aws_vpc_security_group_egress_rule": "its group",
    "aws_vpc_security_group_ingress_rule": "its group",
}
FREE_TEXT = {
    ("aws_elasticache_user", "user_name"): "the engine's name for who has not signed in",
    ("aws_iam_role", "description"): "for people; the name tells",
    ("aws_security_group", "description"): "for people; the name tells",
}
# From each service's reference.
LIMITS = {
    "aws_autoscaling_group": 255,
    "aws_backup_plan": 50,
    "aws_backup_selection": 50,
    "aws_backup_vault": 50,
    "aws_budgets_budget": 100,
    "aws_cloudwatch_log_group": 512,
    "aws_cloudwatch_metric_alarm": 255,
    "aws_db_instance": 63,
    "aws_db_parameter_group": 255,
    "aws_db_subnet_group": 255,
    "aws_elasticache_replication_group": 40,
    "aws_elasticache_subnet_group": 255,
    "aws_elasticache_user": 40,
    "aws_elasticache_user_group": 40,
    "aws_iam_instance_profile": 128,
    "aws_iam_role": 64,
    "aws_key_pair": 255,
    "aws_kms_alias": 256,
    "aws_launch_template": 128,
    "aws_lb": 32,
    "aws_lb_target_group": 32,
    "aws_placement_group": 255,
    "aws_s3_bucket": 63,
    "aws_security_group": 255,
    "aws_sns_topic": 256,
    "aws_wafv2_web_acl": 128,
}


def named(config: PhaseConfig) -> Iterator[tuple[Block, str, str]]:
    """Yield every name that a phase gives, with its argument; not those that refer to another's."""
    for stack in aws_stacks(config):
        for block in stack.blocks:
            if block.mode == "data" or block.kind in INSIDE:
                continue
            tags: Mapping[str, str] = block.arguments.get("tags", {})
            given = {**block.arguments, "Name": tags.get("Name")}
            for argument in (*sorted(NAMING), "Name"):
                value = given.get(argument)
                if isinstance(value, str) and not value.startswith("${"):
                    yield block, argument, value


@pytest.mark.parametrize("phase", PHASES)
def test_two_deployments_share_no_name(phase: Phase) -> None:
    shared = {
        (block.kind, argument)
        for block, argument, value in named(config_of(phase))
        if value.replace(DEPLOYMENT, "one") == value.replace(DEPLOYMENT, "two")
    }
    assert shared <= FREE_TEXT.keys()


@pytest.mark.parametrize("phase", PHASES)
def test_the_regions_of_a_deployment_share_no_name_of_the_account(phase: Phase) -> None:
    account_wide = [
        (block.kind, value)
        for block, argument, value in named(config_of(phase))
        if block.kind.startswith(("aws_iam", "aws_s3", "aws_budgets")) and argument != "description"
        if argument != "Name"
    ]
    assert len(account_wide) == len(set(account_wide))


@pytest.mark.parametrize("phase", PHASES)
def test_the_longest_names_fit(phase: Phase) -> None:
    config = config_of(phase)
    longest = "d" * LONGEST_DEPLOYMENT
    for stack_region in config.regions:
        moved = replace(
            config,
            regions=(LONGEST_REGION,),
            groups=tuple(
                replace(group, region=LONGEST_REGION)
                for group in config.groups
                if group.region == stack_region
            ),
        )
        for block, argument, value in named(moved):
            if argument in ("Name", "comment", "description"):
                continue
            said = value.replace(DEPLOYMENT, longest).replace(
                "${data.aws_caller_identity.current.account_id}", "123456789012"
            )
            limit = 255 if argument == "final_snapshot_identifier" else LIMITS[block.kind]
            assert len(said) <= limit, (block.address, argument, said)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("d" * (LONGEST_DEPLOYMENT + 1), "25 characters"),
        ("two--hyphens", "single hyphens"),
        ("ends-", "single hyphens"),
        ("1st", "a letter first"),
    ],
)
def test_a_name_that_some_service_refuses_is_refused(name: str, problem: str) -> None:
    check_deployment("d" * LONGEST_DEPLOYMENT)
    check_deployment("a-1-b")
    with pytest.raises(ConfigError, match=problem):
        check_deployment(name)
