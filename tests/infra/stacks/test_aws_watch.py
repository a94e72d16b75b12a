from __future__ import annotations

import json
from typing import Any

import pytest

from infra.declaration import Phase, PhaseConfig
from infra.stacks.aws_watch import watch
from infra.stacks.blocks import Block
from infra.stacks.site import Part
from tests.infra.stacks.ground import GUARDED, config_of, one, regions_of, site_of

EVERYWHERE = regions_of(*GUARDED)
ALARM = "aws_cloudwatch_metric_alarm"


def part_of(config: PhaseConfig, region: str = "us-east-1") -> Part:
    return watch(config, region, site_of(config, region))


def alarms_of(config: PhaseConfig, region: str = "us-east-1") -> list[Block]:
    return [block for block in part_of(config, region).blocks if block.kind == ALARM]


@pytest.mark.parametrize(("config", "region"), [(config_of(Phase.MVP), "us-east-1"), *EVERYWHERE])
def test_logs_are_encrypted_and_end(config: PhaseConfig, region: str) -> None:
    groups = [b for b in part_of(config, region).blocks if b.kind == "aws_cloudwatch_log_group"]
    assert {group.name for group in groups} == {"nodes", "flows"}
    for group in groups:
        assert group.arguments["kms_key_id"] == "${aws_kms_key.main.arn}"
        assert group.arguments["retention_in_days"] == 30


def test_all_of_a_network_is_watched() -> None:
    flow = one(part_of(config_of(Phase.MVP)), "aws_flow_log")
    assert (flow["vpc_id"], flow["traffic_type"]) == ("${aws_vpc.main.id}", "ALL")


def test_flows_may_be_written_to_their_group_alone() -> None:
    policy = json.loads(one(part_of(config_of(Phase.MVP)), "aws_iam_role_policy")["policy"])
    (statement,) = policy["Statement"]
    assert statement["Resource"] == "${aws_cloudwatch_log_group.flows.arn}:*"


@pytest.mark.parametrize(("config", "region"), EVERYWHERE)
def test_roles_are_for_this_account_alone(config: PhaseConfig, region: str) -> None:
    for block in part_of(config, region).blocks:
        if block.kind == "aws_iam_role":
            (statement,) = json.loads(block.arguments["assume_role_policy"])["Statement"]
            owner = statement["Condition"]["StringEquals"]["aws:SourceAccount"]
            assert owner == "${aws_vpc.main.owner_id}"
            assert len(block.arguments["name"]) <= 64


def test_a_phase_without_services_has_neither_alarms_nor_backups() -> None:
    part = part_of(config_of(Phase.MVP))
    assert not [b for b in part.blocks if b.kind.startswith(("aws_backup", "aws_sns", ALARM))]
    assert part.variables == ()


@pytest.mark.parametrize(("config", "region"), EVERYWHERE)
def test_alarms_ring_on_an_encrypted_topic(config: PhaseConfig, region: str) -> None:
    assert one(part_of(config, region), "aws_sns_topic")["kms_master_key_id"]
    names = [alarm.name for alarm in alarms_of(config, region)]
    services = ["errors", "unhealthy", "database_storage", "database_cpu"]
    assert names == [*services, "queue", "nat_1", "nat_2"]
    for alarm in alarms_of(config, region):
        assert alarm.arguments["alarm_actions"] == ["${aws_sns_topic.alarms.arn}"]


@pytest.mark.parametrize(
    ("phase", "share"), [(Phase.PRODUCTION, 0.001), (Phase.ENTERPRISE, 0.0001)]
)
def test_more_errors_than_promised_ring(phase: Phase, share: float) -> None:
    alarm = next(alarm for alarm in alarms_of(config_of(phase)) if alarm.name == "errors")
    assert alarm.arguments["threshold"] == share
    ids: list[Any] = [query["id"] for query in alarm.arguments["metric_query"]]
    assert ids == ["share", "balancer", "gateway", "requests"]


def test_a_queue_that_nobody_tells_of_rings() -> None:
    config = config_of(Phase.ENTERPRISE)
    for region in config.regions:
        (alarm,) = (each.arguments for each in alarms_of(config, region) if each.name == "queue")
        assert (alarm["namespace"], alarm["metric_name"]) == ("qinfra", "queue_depth_per_slot")
        assert alarm["dimensions"] == {"deployment": "${var.deployment}", "region": region}
        assert alarm["treat_missing_data"] == "breaching"


def test_without_an_address_nobody_is_written_to() -> None:
    part = part_of(config_of(Phase.PRODUCTION))
    (mail,) = (block for block in part.blocks if block.kind == "aws_sns_topic_subscription")
    assert mail.meta["count"] == '${var.alarm_email == "" ? 0 : 1}'


@pytest.mark.parametrize(("config", "region"), EVERYWHERE)
def test_database_and_bucket_are_kept_in_an_encrypted_vault(
    config: PhaseConfig, region: str
) -> None:
    part = part_of(config, region)
    vault = one(part, "aws_backup_vault")
    assert vault["kms_key_arn"] == "${aws_kms_key.main.arn}"
    assert len(vault["name"]) <= 50
    assert one(part, "aws_backup_selection")["resources"] == [
        "${aws_db_instance.main.arn}",
        "${aws_s3_bucket.artifacts.arn}",
    ]
