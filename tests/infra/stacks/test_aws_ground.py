from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.declaration import Phase, PhaseConfig
from infra.errors import ConfigError
from infra.machines import REGIONS
from infra.phases import phase_config
from infra.ports import GATEWAY_PORT, GRPC_PORT, HTTPS_PORT, SSH_PORT, STATUS_PORT
from infra.purchase import Purchase
from infra.stacks.aws_ground import ground
from infra.stacks.aws_groups import pairs
from infra.stacks.aws_network import range_of
from infra.stacks.blocks import Block

AWS = [region for region, cloud in REGIONS.items() if cloud == "aws"]
PHASES = [Phase.MVP, Phase.PRODUCTION, Phase.ENTERPRISE]


def config_of(phase: Phase) -> PhaseConfig:
    return phase_config(phase, GUIDE_NETWORK, Assumptions())


def blocks_of(config: PhaseConfig, kind: str, region: str = "us-east-1") -> tuple[Block, ...]:
    _, part = ground(config, region)
    return tuple(block for block in part.blocks if block.kind == kind)


def ingress(config: PhaseConfig, region: str = "us-east-1") -> tuple[Block, ...]:
    return blocks_of(config, "aws_vpc_security_group_ingress_rule", region)


def test_no_two_regions_overlap() -> None:
    networks = [IPv4Network(f"10.{range_of(region)}.0.0/16") for region in AWS]
    assert str(networks[AWS.index("us-east-1")]) == "10.16.0.0/16"
    assert not any(one.overlaps(other) for one, other in combinations(networks, 2))


@given(zones=st.integers(1, 6), gateways=st.integers(0, 6), region=st.sampled_from(AWS))
def test_a_zone_more_moves_no_subnet(zones: int, gateways: int, region: str) -> None:
    config = config_of(Phase.MVP)
    groups = tuple(replace(group, region=region) for group in config.groups)
    config = replace(
        config,
        regions=(region,),
        groups=groups,
        zones_per_region=zones,
        services=replace(config.services, nat_gateways=gateways),
    )
    subnets = blocks_of(config, "aws_subnet", region)
    ranges = [IPv4Network(block.arguments["cidr_block"]) for block in subnets]
    assert len(ranges) == 2 * zones
    assert not any(one.overlaps(other) for one, other in combinations(ranges, 2))
    assert all(each.subnet_of(IPv4Network(f"10.{range_of(region)}.0.0/16")) for each in ranges)
    assert len(blocks_of(config, "aws_nat_gateway", region)) == min(gateways, zones)
    if zones < 6:
        more = blocks_of(replace(config, zones_per_region=zones + 1), "aws_subnet", region)
        assert set(map(repr, subnets)) <= set(map(repr, more))


def test_subnets_give_no_address_by_themselves() -> None:
    subnets = blocks_of(config_of(Phase.PRODUCTION), "aws_subnet")
    assert not any("map_public_ip_on_launch" in block.arguments for block in subnets)


def test_each_zone_leaves_by_its_own_gateway() -> None:
    routes = {block.name: block for block in blocks_of(config_of(Phase.PRODUCTION), "aws_route")}
    assert [routes[f"private_{zone}"].arguments["nat_gateway_id"] for zone in (1, 2)] == [
        "${aws_nat_gateway.nat_1.id}",
        "${aws_nat_gateway.nat_2.id}",
    ]


@pytest.mark.parametrize("phase", PHASES)
def test_ssh_comes_from_operators_and_orchestrators_only(phase: Phase) -> None:
    rules = [rule for rule in ingress(config_of(phase)) if rule.arguments["from_port"] == SSH_PORT]
    entry, *others = sorted(rules, key=lambda rule: "cidr_ipv4" not in rule.arguments)
    assert entry.arguments["cidr_ipv4"] == "${each.value}"
    assert entry.meta == {"for_each": "${toset(compact([var.operator_cidr]))}"}
    assert {rule.arguments["referenced_security_group_id"] for rule in others} == {
        "${aws_security_group.orchestrator.id}"
    }


@pytest.mark.parametrize(
    ("phase", "open_to_all"),
    [
        (Phase.MVP, {("orchestrator", HTTPS_PORT)}),
        (Phase.PRODUCTION, {("balancer", HTTPS_PORT), ("balancer", 80)}),
        (Phase.ENTERPRISE, set()),  # the CDN's addresses, not anybody's
    ],
)
def test_at_most_one_door_is_open_to_the_internet(phase: Phase, open_to_all: set[object]) -> None:
    found = {
        (rule.name.split("_")[0], rule.arguments["from_port"])
        for rule in ingress(config_of(phase))
        if rule.arguments.get("cidr_ipv4") == "0.0.0.0/0"
    }
    assert found == open_to_all


def test_behind_a_cdn_only_it_and_the_checks_of_health_reach_the_balancer() -> None:
    config = config_of(Phase.ENTERPRISE)
    for region in config.regions:
        lists = {
            block.ref("id"): block.arguments["name"]
            for block in blocks_of(config, "aws_ec2_managed_prefix_list", region)
        }
        reaching = [
            (lists[rule.arguments["prefix_list_id"]], rule.arguments["from_port"])
            for rule in ingress(config, region)
            if rule.name.startswith(("balancer", "checks"))
        ]
        assert reaching == [
            ("com.amazonaws.global.cloudfront.origin-facing", HTTPS_PORT),
            (f"com.amazonaws.{region}.route53-healthchecks", HTTPS_PORT),
        ]


def test_production_opens_these_pairs_and_no_others() -> None:
    found = {
        (pair.source, pair.target, pair.port)
        for pair in pairs(config_of(Phase.PRODUCTION), "us-east-1")
    }
    trio = ("orchestrator", "embedding", "transformer")
    others = ("embedding", "transformer", "oracle", "monitoring")
    assert found == {
        *((a, b, GRPC_PORT) for a in trio for b in trio if a != b),
        *(("monitoring", role, STATUS_PORT) for role in ("orchestrator", *others)),
        *(("orchestrator", role, SSH_PORT) for role in others),
        ("balancer", "orchestrator", GATEWAY_PORT),
        ("orchestrator", "database", 5432),
        ("orchestrator", "cache", 6379),
    }


@pytest.mark.parametrize("phase", PHASES)
def test_a_pair_opens_one_way_on_both_ends(phase: Phase) -> None:
    config = config_of(phase)
    for region in config.regions:
        site, _ = ground(config, region)
        ids = {name: group.ref("id") for name, group in site.groups.items()}
        egress = blocks_of(config, "aws_vpc_security_group_egress_rule", region)
        for pair in pairs(config, region):
            ends = {(ids[pair.source], ids[pair.target], pair.port)}
            assert ends <= {_ends(rule, "egress") for rule in egress}
            assert ends <= {_ends(rule, "ingress") for rule in ingress(config, region)}


def _ends(rule: Block, direction: str) -> tuple[object, object, object]:
    own, other = (
        rule.arguments.get(name) for name in ("security_group_id", "referenced_security_group_id")
    )
    first, second = (own, other) if direction == "egress" else (other, own)
    return first, second, rule.arguments["from_port"]


def test_services_have_groups_only_where_they_are() -> None:
    production, enterprise = config_of(Phase.PRODUCTION), config_of(Phase.ENTERPRISE)
    services = {"balancer", "database", "cache"}
    assert not services & set(ground(config_of(Phase.MVP), "us-east-1")[0].groups)
    assert services <= set(ground(production, "us-east-1")[0].groups)
    assert "cache" in ground(enterprise, "us-east-1")[0].groups
    assert "cache" not in ground(enterprise, "eu-west-1")[0].groups


def test_artifacts_are_sealed_versioned_and_private() -> None:
    _, part = ground(config_of(Phase.MVP), "us-east-1")
    found = {
        block.kind: block.arguments for block in part.blocks if block.kind.startswith("aws_s3")
    }
    (rule,) = found["aws_s3_bucket_server_side_encryption_configuration"]["rule"]
    sealed = rule["apply_server_side_encryption_by_default"]
    assert sealed == {"sse_algorithm": "aws:kms", "kms_master_key_id": "${aws_kms_key.main.arn}"}
    assert found["aws_s3_bucket_versioning"]["versioning_configuration"] == {"status": "Enabled"}
    block = dict(found["aws_s3_bucket_public_access_block"])
    del block["bucket"]
    assert set(block.values()) == {True}
    (denied,) = json.loads(found["aws_s3_bucket_policy"]["policy"])["Statement"]
    assert denied["Effect"] == "Deny"
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert "force_destroy" not in found["aws_s3_bucket"]


def _key_sids(config: PhaseConfig) -> set[str]:
    (key,) = blocks_of(config, "aws_kms_key")
    assert key.arguments["enable_key_rotation"] is True
    return {each["Sid"] for each in json.loads(key.arguments["policy"])["Statement"]}


def test_the_key_is_lent_to_launchers_only_where_something_is_launched() -> None:
    mvp = config_of(Phase.MVP)
    assert _key_sids(mvp) == {"account", "logs", "alarms"}
    assert "launch" in _key_sids(replace(mvp, purchase=Purchase.SPOT))
    assert "launch" in _key_sids(config_of(Phase.PRODUCTION))


def test_only_the_account_may_use_the_key_unconditionally() -> None:
    (key,) = blocks_of(config_of(Phase.PRODUCTION), "aws_kms_key")
    for statement in json.loads(key.arguments["policy"])["Statement"]:
        assert statement["Sid"] == "account" or statement["Condition"], statement["Sid"]


def test_a_region_without_nodes_has_no_ground() -> None:
    config = config_of(Phase.MVP)
    with pytest.raises(ConfigError, match="no nodes in us-west-2"):
        ground(config, "us-west-2")
    with pytest.raises(ConfigError, match="gcp"):
        ground(config, "us-central1")
