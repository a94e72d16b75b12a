from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.declaration import NodeGroup, Phase, PhaseConfig
from infra.phases import phase_config
from infra.purchase import Purchase
from infra.stacks.aws import region_stack
from infra.stacks.blocks import Block, Stack

PHASES = [Phase.MVP, Phase.PRODUCTION, Phase.ENTERPRISE]


def config_of(phase: Phase) -> PhaseConfig:
    return phase_config(phase, GUIDE_NETWORK, Assumptions())


def with_groups(config: PhaseConfig, **changes: dict[str, Any]) -> PhaseConfig:
    """Return the configuration with fields of its groups changed, by role."""
    groups = tuple(replace(group, **changes.get(group.role, {})) for group in config.groups)
    return replace(config, groups=groups)


def counted(count: int) -> dict[str, int]:
    return {"count": count, "minimum": count, "maximum": count}


def by_address(config: PhaseConfig, region: str = "us-east-1") -> dict[str, Block]:
    return {block.address: block for block in region_stack(config, region).blocks}


STACKS = [
    *(
        region_stack(config_of(phase), region)
        for phase in PHASES
        for region in config_of(phase).regions
    ),
    region_stack(replace(config_of(Phase.MVP), purchase=Purchase.SPOT), "us-east-1"),
]


@given(before=st.integers(1, 40), added=st.integers(1, 5), zones=st.integers(1, 3))
def test_a_transformer_more_touches_nothing_else(before: int, added: int, zones: int) -> None:
    config = replace(config_of(Phase.MVP), zones_per_region=zones)
    small = by_address(with_groups(config, transformer=counted(before)))
    large = by_address(with_groups(config, transformer=counted(before + added)))
    assert {address: large[address] for address in small} == small
    assert set(large) - set(small) == {
        f"aws_instance.transformer_{number}" for number in range(before + 1, before + added + 1)
    }


def test_a_role_that_changes_its_name_touches_no_other() -> None:
    config = config_of(Phase.MVP)
    before = by_address(config)
    after = by_address(with_groups(config, oracle={"role": "monitoring"}))
    moved = {address for address in set(before) ^ set(after) if "aws_vpc_security" not in address}
    assert all("oracle" in address or "monitoring" in address for address in moved)
    assert all(after[address] == before[address] for address in set(before) & set(after))


@given(st.data())
def test_any_counts_and_zones_make_a_stack_of_as_many_nodes(data: st.DataObject) -> None:
    phase = data.draw(st.sampled_from(PHASES))
    config = replace(config_of(phase), zones_per_region=data.draw(st.integers(1, 6)))
    changes = {
        role: counted(data.draw(st.integers(1, 12), label=role))
        for role in ("orchestrator", "embedding", "transformer", "oracle")
    }
    config = with_groups(config, **changes)
    region = data.draw(st.sampled_from(config.regions))
    stack = region_stack(config, region)
    machines = [g for g in config.groups if g.region == region and g.role != "cache"]
    assert len(stack.of_kind("aws_instance")) == sum(group.count for group in machines)


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
def test_credentials_are_given_to_tokens_only(stack: Stack) -> None:
    for block in (*stack.of_kind("aws_instance"), *stack.of_kind("aws_launch_template")):
        options = block.arguments["metadata_options"]
        assert options["http_tokens"] == "required"
        assert options["http_put_response_hop_limit"] == 1


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
def test_every_disk_is_sealed_by_the_regions_key(stack: Stack) -> None:
    disks = [block.arguments["root_block_device"] for block in stack.of_kind("aws_instance")]
    disks += [
        block.arguments["block_device_mappings"]["ebs"]
        for block in stack.of_kind("aws_launch_template")
    ]
    assert disks
    for disk in disks:
        assert disk["encrypted"] in (True, "true")
        assert disk["kms_key_id"] == "${aws_kms_key.main.arn}"
        assert disk["volume_type"] == "gp3"


def test_what_decides_only_a_beginning_replaces_no_running_node() -> None:
    for block in region_stack(config_of(Phase.MVP), "us-east-1").of_kind("aws_instance"):
        assert {"ami", "key_name", "user_data"} <= set(block.meta["lifecycle"]["ignore_changes"])


def test_nodes_take_turns_over_the_zones() -> None:
    found = by_address(with_groups(config_of(Phase.PRODUCTION), oracle=counted(3)))
    assert [found[f"aws_instance.oracle_{n}"].arguments["subnet_id"] for n in (1, 2, 3)] == [
        "${aws_subnet.private_1.id}",
        "${aws_subnet.private_2.id}",
        "${aws_subnet.private_1.id}",
    ]


def test_only_orchestrators_without_a_balancer_are_public() -> None:
    mvp = by_address(config_of(Phase.MVP))
    public = {address for address, block in mvp.items() if "public_1.id" in str(block.arguments)}
    assert {address for address in public if "aws_instance" in address} == {
        "aws_instance.orchestrator_1"
    }
    assert mvp["aws_eip.orchestrator_1"].arguments["instance"] == (
        "${aws_instance.orchestrator_1.id}"
    )
    production = by_address(config_of(Phase.PRODUCTION))
    assert "private_1" in production["aws_instance.orchestrator_1"].arguments["subnet_id"]
    assert "aws_eip.orchestrator_1" not in production


def test_pipelines_stand_close_in_a_single_zone() -> None:
    mvp = by_address(config_of(Phase.MVP))
    placed = {address for address, block in mvp.items() if "placement_group" in block.arguments}
    assert placed == {
        f"aws_instance.{role}_{n}" for role in ("embedding", "transformer") for n in (1, 2)
    }
    assert "aws_placement_group.pipelines" not in by_address(config_of(Phase.PRODUCTION))


def test_spot_is_a_market_of_its_own() -> None:
    spot = by_address(replace(config_of(Phase.MVP), purchase=Purchase.SPOT))
    market = spot["aws_instance.oracle_1"].arguments["instance_market_options"]
    assert market["market_type"] == "spot"
    reserved = by_address(config_of(Phase.MVP))
    assert "instance_market_options" not in reserved["aws_instance.oracle_1"].arguments


def _scaled(config: PhaseConfig) -> list[NodeGroup]:
    return [group for group in config.groups if group.scales and group.region == "us-east-1"]


@pytest.mark.parametrize("phase", [Phase.PRODUCTION, Phase.ENTERPRISE])
def test_groups_that_scale_have_their_bounds_and_no_single_nodes(phase: Phase) -> None:
    config = config_of(phase)
    found = by_address(config)
    assert [group.role for group in _scaled(config)] == ["embedding", "transformer"]
    for group in _scaled(config):
        machines = found[f"aws_autoscaling_group.{group.role}"]
        sizes = [machines.arguments[name] for name in ("min_size", "desired_capacity", "max_size")]
        assert sizes == [group.minimum, group.count, group.maximum]
        ignored = machines.meta["lifecycle"]["ignore_changes"]
        assert ignored == ["desired_capacity", "suspended_processes"]
        assert f"aws_instance.{group.role}_1" not in found


def test_scaling_follows_the_queue_of_its_own_deployment_and_region() -> None:
    policy = by_address(config_of(Phase.ENTERPRISE))["aws_autoscaling_policy.embedding"]
    metric = policy.arguments["target_tracking_configuration"]["customized_metric_specification"]
    assert (metric["namespace"], metric["metric_name"]) == ("qinfra", "queue_depth_per_slot")
    assert {each["name"]: each["value"] for each in metric["metric_dimension"]} == {
        "deployment": "${var.deployment}",
        "region": "us-east-1",
    }


def test_machines_and_disks_of_a_group_carry_the_tags_that_the_provider_gives_others() -> None:
    found = by_address(config_of(Phase.PRODUCTION))
    machines = found["aws_autoscaling_group.transformer"]
    worn = {tag["key"]: tag["value"] for tag in machines.arguments["tag"]}
    assert worn["qinfra_deployment"] == "${var.deployment}"
    assert worn["managed_by"] == "qinfra"
    assert all(tag["propagate_at_launch"] for tag in machines.arguments["tag"])
    (disks,) = found["aws_launch_template.transformer"].arguments["tag_specifications"]
    assert disks == {"resource_type": "volume", "tags": worn}


def _statements(config: PhaseConfig, role: str) -> dict[str, Any]:
    policy = json.loads(by_address(config)[f"aws_iam_role_policy.{role}"].arguments["policy"])
    return {each["Sid"]: each for each in policy["Statement"]}


def test_a_role_reads_its_own_part_of_the_bucket_and_writes_its_own_log() -> None:
    config = config_of(Phase.PRODUCTION)
    bucket = "${aws_s3_bucket.artifacts.arn}"
    assert _statements(config, "oracle")["Fetch"]["Resource"] == [
        f"{bucket}/releases/*",
        f"{bucket}/nodes/oracle/*",
    ]
    log = _statements(config, "oracle")["Log"]["Resource"]
    assert all(
        ":log-group:/qinfra/qinfra-${var.deployment}-us-east-1/nodes" in each for each in log
    )
    assert f"{bucket}/models/*" in _statements(config, "transformer")["Fetch"]["Resource"]


@pytest.mark.parametrize("phase", PHASES)
def test_rights_are_without_wildcards_but_where_the_cloud_knows_none(phase: Phase) -> None:
    config = config_of(phase)
    for role in ("orchestrator", "embedding", "transformer", "oracle"):
        for sid, statement in _statements(config, role).items():
            assert "*" not in statement["Action"], sid
            assert statement["Resource"] != "*" or sid == "TellLoad"
            assert sid != "TellLoad" or (role == "orchestrator" and phase is not Phase.MVP)


def test_orchestrators_alone_sign_in_to_the_cache() -> None:
    config = config_of(Phase.PRODUCTION)
    assert _statements(config, "orchestrator")["Cache"]["Resource"] == [
        "arn:aws:elasticache:us-east-1:${data.aws_caller_identity.current.account_id}:"
        "replicationgroup:qinfra-${var.deployment}",
        "arn:aws:elasticache:us-east-1:${data.aws_caller_identity.current.account_id}:"
        "user:qinfra-${var.deployment}-node",
    ]
    assert "Cache" not in _statements(config, "oracle")
    assert "Cache" not in _statements(config_of(Phase.MVP), "orchestrator")


def test_people_come_in_by_sessions_where_there_is_no_host_to_jump_from() -> None:
    attached = "aws_iam_role_policy_attachment.oracle_sessions"
    assert attached in by_address(config_of(Phase.PRODUCTION))
    assert attached not in by_address(config_of(Phase.MVP))


def test_the_output_names_every_node_that_stands_for_itself() -> None:
    stack = region_stack(config_of(Phase.PRODUCTION), "us-east-1")
    outputs = {output.name: output.value for output in stack.outputs}
    assert set(outputs) >= {"nodes", "bucket", "region", "scaling_groups"}
    assert sorted(outputs["nodes"]) == [
        "monitoring-1", "oracle-1", "oracle-2", "orchestrator-1", "orchestrator-2",
    ]  # fmt: skip
    assert sorted(outputs["scaling_groups"]) == ["embedding", "transformer"]
