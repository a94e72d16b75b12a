from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.cost.bill import alarms_in, bill
from infra.declaration import Phase, PhaseConfig
from infra.errors import ConfigError, QinfraError
from infra.phases import phase_config
from infra.stacks.aws import aws_stacks, region_stack
from infra.stacks.aws_budget import budget
from infra.stacks.aws_nodes import nodes
from infra.stacks.blocks import Block, Stack, data, resource
from infra.stacks.site import Part, Site
from infra.units import HOURS_PER_MONTH

PHASES = [Phase.MVP, Phase.PRODUCTION, Phase.ENTERPRISE]

# What AWS charges for by the hour, month or gigabyte, and under which name it is priced here.
CHARGED = {
    "aws_instance": "ec2:g4dn.xlarge",
    "aws_autoscaling_group": "ec2:g4dn.xlarge",
    "aws_nat_gateway": "nat-gateway",
    "aws_eip": "public-ipv4",
    "aws_kms_key": "kms:key",
    "aws_s3_bucket": "s3:standard",
    "aws_lb": "alb",
    "aws_wafv2_web_acl": "wafv2:acl",
    "aws_db_instance": "rds:db.t3.large:postgresql",
    "aws_elasticache_replication_group": "elasticache:cache.m6g.large",
    "aws_cloudwatch_log_group": "cloudwatch:logs-ingest",
    "aws_flow_log": "cloudwatch:logs-ingest",
    "aws_backup_plan": "rds:backup",
    "aws_cloudwatch_metric_alarm": "cloudwatch:alarm",
    "aws_cloudfront_distribution": "cloudfront:https",
    "aws_route53_health_check": "route53:zone",
    "aws_db_instance_automated_backups_replication": "rds:backup",
    "aws_s3_bucket_replication_configuration": "inter-region",
}
FREE = {
    "aws_acm_certificate",
    "aws_acm_certificate_validation",
    "aws_backup_selection",
    "aws_backup_vault",  # what lies in it is the plan's
    "aws_db_parameter_group",
    "aws_db_subnet_group",
    "aws_elasticache_subnet_group",
    "aws_elasticache_user",
    "aws_elasticache_user_group",
    "aws_lb_listener",
    "aws_lb_target_group",
    "aws_lb_target_group_attachment",
    "aws_route53_record",  # the zone's, and its queries are of aliases
    "aws_sns_topic",  # mail to a few people is within the free tier
    "aws_sns_topic_subscription",
    "aws_wafv2_web_acl_association",
    "aws_wafv2_web_acl_logging_configuration",
    "aws_autoscaling_policy",
    "aws_budgets_budget",
    "aws_default_security_group",
    "aws_iam_instance_profile",
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_iam_role_policy_attachment",
    "aws_internet_gateway",
    "aws_key_pair",
    "aws_kms_alias",
    "aws_launch_template",
    "aws_placement_group",
    "aws_route",
    "aws_route_table",
    "aws_route_table_association",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_security_group",
    "aws_subnet",
    "aws_vpc",
    "aws_vpc_endpoint",  # of the gateway type, as S3's is
    "aws_vpc_security_group_egress_rule",
    "aws_vpc_security_group_ingress_rule",
}


def config_of(phase: Phase) -> PhaseConfig:
    return phase_config(phase, GUIDE_NETWORK, Assumptions())


def works_in(stack: Stack, block: Block) -> str:
    """Return the region of the provider that makes a block."""
    providers = {each.address: each for each in stack.others}
    provider = providers.get(block.meta.get("provider", ""), stack.provider)
    return str(provider.arguments["region"])


def own_stack(config: PhaseConfig, region: str) -> Stack:
    """Return a region's ground and nodes alone; those beside them have tests of their own."""
    return region_stack(config, region, (nodes, budget))


@pytest.mark.parametrize("phase", PHASES)
def test_all_that_is_charged_for_has_a_line_in_the_bill(phase: Phase) -> None:
    """Of every stack of the phase; a kind that nobody has thought of is a KeyError."""
    config = config_of(phase)
    priced = {(usage.region, usage.sku) for usage in bill(config, Assumptions())}
    for stack in aws_stacks(config):
        region = stack.name.removeprefix(f"{phase}-")
        for block in stack.blocks:
            if block.mode == "resource" and block.kind not in FREE:
                places = {region, works_in(stack, block)}
                assert priced & {(place, CHARGED[block.kind]) for place in places}, block.address


@pytest.mark.parametrize("phase", PHASES)
def test_the_bill_counts_what_the_stack_declares(phase: Phase) -> None:
    config = config_of(phase)
    for region in config.regions:
        stack = own_stack(config, region)
        hours = Counter[str]()
        for usage in bill(config, Assumptions()):
            if usage.region == region and usage.unit == "hour":
                hours[usage.sku] += int(usage.quantity / Decimal(HOURS_PER_MONTH))
        alarms = len(region_stack(config, region).of_kind("aws_cloudwatch_metric_alarm"))
        assert alarms == alarms_in(config, region)
        doors = config.zones_per_region if config.services.load_balancer else 0
        scaled = sum(
            block.arguments["desired_capacity"] for block in stack.of_kind("aws_autoscaling_group")
        )
        assert len(stack.of_kind("aws_instance")) + scaled == hours["ec2:g4dn.xlarge"]
        assert len(stack.of_kind("aws_nat_gateway")) == hours["nat-gateway"]
        assert len(stack.of_kind("aws_eip")) + doors == hours["public-ipv4"]


def test_each_region_has_a_state_of_its_own() -> None:
    stacks = aws_stacks(config_of(Phase.ENTERPRISE))
    assert [stack.name for stack in stacks] == [
        "enterprise-us-east-1",
        "enterprise-eu-west-1",
        "enterprise-ap-southeast-1",
        "enterprise-global",
    ]
    assert [stack.provider.arguments["region"] for stack in stacks[:-1]] == [
        stack.name.removeprefix("enterprise-") for stack in stacks[:-1]
    ]


def test_one_budget_counts_all_regions() -> None:
    first, *others = aws_stacks(config_of(Phase.ENTERPRISE))
    assert len(first.of_kind("aws_budgets_budget")) == 1
    assert not any(stack.of_kind("aws_budgets_budget") for stack in others)


def test_everything_is_tagged_by_the_provider() -> None:
    (stack,) = aws_stacks(config_of(Phase.MVP))
    assert stack.provider.arguments["default_tags"] == {
        "tags": {
            "qinfra_deployment": "${var.deployment}",
            "qinfra_phase": "mvp",
            "managed_by": "qinfra",
        }
    }
    # Named again on a resource, a tag of the provider's would differ at every plan.
    for block in stack.blocks:
        assert not {"qinfra_deployment", "managed_by"} & set(block.arguments.get("tags", {}))


def test_no_stack_holds_credentials_or_endpoints() -> None:
    (stack,) = aws_stacks(config_of(Phase.MVP))
    assert set(stack.provider.arguments) == {"region", "default_tags"}


def _account(config: PhaseConfig, region: str, site: Site) -> Part:
    return Part(blocks=(data("aws_caller_identity", "current"),))


def _vpc(config: PhaseConfig, region: str, site: Site) -> Part:
    return Part(blocks=(resource("aws_vpc", "main", cidr_block="10.0.0.0/16"),))


def test_parts_may_look_up_the_same_but_not_make_it() -> None:
    config = config_of(Phase.MVP)
    stack = region_stack(config, "us-east-1", (nodes, budget, _account))
    assert len(stack.of_kind("aws_caller_identity")) == 1
    with pytest.raises(QinfraError, match=r"aws_vpc\.main stands twice"):
        region_stack(config, "us-east-1", (nodes, budget, _vpc))


def test_another_clouds_phase_is_refused() -> None:
    with pytest.raises(ConfigError, match="gcp"):
        aws_stacks(config_of(Phase.DEMO))


def test_the_same_phase_gives_the_same_stacks() -> None:
    config = config_of(Phase.PRODUCTION)
    assert aws_stacks(config) == aws_stacks(replace(config))
