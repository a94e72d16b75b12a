from __future__ import annotations

import pytest

from infra.declaration import Phase
from infra.stacks.aws_global import global_stack
from infra.stacks.aws_tags import PROVIDER_VERSION
from infra.stacks.blocks import Block, Stack
from provision.schemas import AWS
from tests.infra.stacks.ground import config_of

REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-1")


@pytest.fixture
def stack() -> Stack:
    made = global_stack(config_of(Phase.ENTERPRISE))
    assert made is not None
    return made


def records(stack: Stack, name: str) -> list[Block]:
    return [
        block
        for block in stack.of_kind("aws_route53_record")
        if block.arguments["name"] == name and block.arguments["type"] == "A"
    ]


@pytest.mark.parametrize("phase", [Phase.MVP, Phase.PRODUCTION])
def test_one_region_has_nothing_above_it(phase: Phase) -> None:
    assert global_stack(config_of(phase)) is None


def test_the_provider_is_the_one_whose_schema_is_known(stack: Stack) -> None:
    assert AWS["version"] == PROVIDER_VERSION
    assert stack.provider.arguments["region"] == "us-east-1"


def test_the_states_of_the_regions_are_read(stack: Stack) -> None:
    assert stack.reads == tuple(f"enterprise-{region}" for region in REGIONS)


def test_each_region_answers_those_near_it_while_it_is_healthy(stack: Stack) -> None:
    made = records(stack, "origin.${var.domain}")
    routed = [block.arguments["latency_routing_policy"]["region"] for block in made]
    assert tuple(routed) == REGIONS
    assert len({block.arguments["set_identifier"] for block in made}) == len(REGIONS)
    for block in made:
        assert (
            block.arguments["health_check_id"] == f"${{aws_route53_health_check.{block.name}.id}}"
        )
        assert block.arguments["alias"]["evaluate_target_health"] is True
    for check in stack.of_kind("aws_route53_health_check"):
        assert (check.arguments["type"], check.arguments["resource_path"]) == ("HTTPS", "/readyz")


def test_the_name_leads_to_the_cdn(stack: Stack) -> None:
    (record,) = records(stack, "${var.domain}")
    assert record.arguments["alias"]["name"] == "${aws_cloudfront_distribution.main.domain_name}"


def test_the_cdn_speaks_new_tls_only(stack: Stack) -> None:
    (cdn,) = (block.arguments for block in stack.of_kind("aws_cloudfront_distribution"))
    assert cdn["viewer_certificate"]["minimum_protocol_version"] == "TLSv1.2_2021"
    assert cdn["default_cache_behavior"]["viewer_protocol_policy"] == "https-only"
    (origin,) = cdn["origin"]
    assert origin["custom_origin_config"]["origin_protocol_policy"] == "https-only"
    assert origin["custom_origin_config"]["origin_ssl_protocols"] == ["TLSv1.2"]


def test_no_answer_is_kept_for_another(stack: Stack) -> None:
    (cdn,) = (block.arguments for block in stack.of_kind("aws_cloudfront_distribution"))
    behaviour = cdn["default_cache_behavior"]
    assert behaviour["cache_policy_id"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert behaviour["compress"] is False
    assert "POST" in behaviour["allowed_methods"]
    assert "ordered_cache_behavior" not in cdn
