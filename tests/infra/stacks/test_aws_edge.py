from __future__ import annotations

from dataclasses import replace

import pytest

from infra.declaration import Phase, PhaseConfig
from infra.errors import ConfigError
from infra.ports import GATEWAY_PORT
from infra.stacks.aws_edge import HEALTH_PATH, edge
from infra.stacks.site import Part
from tests.infra.stacks.ground import GUARDED, config_of, one, regions_of, site_of

EVERYWHERE = regions_of(*GUARDED)


def part_of(config: PhaseConfig, region: str) -> Part:
    return edge(config, region, site_of(config, region))


def test_without_a_load_balancer_there_is_no_edge() -> None:
    assert part_of(config_of(Phase.MVP), "us-east-1") == Part(blocks=())


@pytest.mark.parametrize(("config", "region"), EVERYWHERE)
def test_only_https_serves(config: PhaseConfig, region: str) -> None:
    listeners = [b.arguments for b in part_of(config, region).blocks if b.kind == "aws_lb_listener"]
    forwarding = [each for each in listeners if each["default_action"][0]["type"] == "forward"]
    assert [(each["port"], each["protocol"]) for each in forwarding] == [(443, "HTTPS")]
    redirecting = [] if config.services.cdn else ["redirect"]  # a CDN speaks HTTPS by itself
    assert [each["default_action"][0]["type"] for each in listeners] == ["forward", *redirecting]


@pytest.mark.parametrize(
    ("phase", "policy"),
    [
        (Phase.PRODUCTION, "ELBSecurityPolicy-TLS13-1-3-2021-06"),
        (Phase.ENTERPRISE, "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"),
    ],
)
def test_tls_is_as_new_as_what_stands_before(phase: Phase, policy: str) -> None:
    part = part_of(config_of(phase), "us-east-1")
    (https,) = (block for block in part.blocks if block.name == "https")
    assert https.arguments["ssl_policy"] == policy


@pytest.mark.parametrize(("config", "region"), EVERYWHERE)
def test_every_orchestrator_is_a_target(config: PhaseConfig, region: str) -> None:
    (group,) = (g for g in config.groups if g.region == region and g.role == "orchestrator")
    attached = [
        block.arguments["target_id"]
        for block in part_of(config, region).blocks
        if block.kind == "aws_lb_target_group_attachment"
    ]
    numbers = range(1, group.count + 1)
    assert attached == [f"${{aws_instance.orchestrator_{number}.id}}" for number in numbers]


def test_gateways_are_asked_whether_they_are_ready() -> None:
    targets = one(part_of(config_of(Phase.PRODUCTION), "us-east-1"), "aws_lb_target_group")
    assert (targets["port"], targets["protocol"]) == (GATEWAY_PORT, "HTTP")
    assert targets["health_check"]["path"] == HEALTH_PATH
    assert targets["stickiness"]["enabled"] is False


def test_the_balancer_waits_longer_than_the_gateway() -> None:
    balancer = one(part_of(config_of(Phase.PRODUCTION), "us-east-1"), "aws_lb")
    assert balancer["idle_timeout"] > 120
    assert balancer["drop_invalid_header_fields"] is True
    assert balancer["enable_deletion_protection"] == "${var.keep_balancer}"


@pytest.mark.parametrize(("config", "region"), EVERYWHERE)
def test_there_are_as_many_rules_as_are_paid_for(config: PhaseConfig, region: str) -> None:
    acl = one(part_of(config, region), "aws_wafv2_web_acl")
    assert len(acl["rule"]) == config.services.waf_rules
    assert len({rule["priority"] for rule in acl["rule"]}) == len(acl["rule"])


def with_rules(number: int) -> PhaseConfig:
    config = config_of(Phase.PRODUCTION)
    return replace(config, services=replace(config.services, waf_rules=number))


def test_without_rules_there_is_no_firewall() -> None:
    part = part_of(with_rules(0), "us-east-1")
    assert not [block for block in part.blocks if block.kind.startswith("aws_wafv2")]
    assert "requests_per_address" not in {each.name for each in part.variables}


@pytest.mark.parametrize(("config", "region"), EVERYWHERE)
def test_what_the_firewall_refuses_is_logged_without_keys(config: PhaseConfig, region: str) -> None:
    logging = one(part_of(config, region), "aws_wafv2_web_acl_logging_configuration")
    assert {"single_header": {"name": "authorization"}} in logging["redacted_fields"]
    assert logging["logging_filter"]["default_behavior"] == "DROP"
    group = one(part_of(config, region), "aws_cloudwatch_log_group")
    assert group["name"].startswith("aws-waf-logs-")
    assert group["kms_key_id"] == "${aws_kms_key.main.arn}"


def test_more_rules_than_are_known_are_refused() -> None:
    with pytest.raises(ConfigError, match="waf_rules is 4: 3 are known"):
        part_of(with_rules(4), "us-east-1")


def test_questions_with_code_in_them_are_not_refused() -> None:
    common = one(part_of(config_of(Phase.PRODUCTION), "us-east-1"), "aws_wafv2_web_acl")["rule"][0]
    overridden = common["statement"]["managed_rule_group_statement"]["rule_action_override"]
    assert {"SizeRestrictions_BODY", "CrossSiteScripting_BODY"} <= {r["name"] for r in overridden}
    assert all(rule["action_to_use"] == {"count": {}} for rule in overridden)


@pytest.mark.parametrize(
    ("phase", "key"), [(Phase.PRODUCTION, "IP"), (Phase.ENTERPRISE, "FORWARDED_IP")]
)
def test_behind_a_cdn_the_limit_is_the_clients(phase: Phase, key: str) -> None:
    rate = one(part_of(config_of(phase), "us-east-1"), "aws_wafv2_web_acl")["rule"][2]
    assert rate["statement"]["rate_based_statement"]["aggregate_key_type"] == key


@pytest.mark.parametrize(
    ("phase", "name"),
    [(Phase.PRODUCTION, "${var.domain}"), (Phase.ENTERPRISE, "origin.${var.domain}")],
)
def test_the_certificate_is_for_the_name_that_leads_here(phase: Phase, name: str) -> None:
    part = part_of(config_of(phase), "us-east-1")
    assert one(part, "aws_acm_certificate")["domain_name"] == name
