"""The firewall before a region's balancer: AWS's managed rules, and a limit for each address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.errors import ConfigError
from infra.stacks.aws_watch import LOG_DAYS
from infra.stacks.blocks import Variable, resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from infra.declaration import PhaseConfig
    from infra.stacks.blocks import Block
    from infra.stacks.site import Site

# A request's body is a question, in which people write long texts, code, paths and markup; these
# rules would refuse such questions as attacks, the first of them all beyond 8 KB. They only count.
_COMMON_ABOUT_BODIES = (
    "SizeRestrictions_BODY",
    "CrossSiteScripting_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
    "EC2MetaDataSSRF_BODY",
)
_BAD_INPUTS_ABOUT_BODIES = ("JavaDeserializationRCE_BODY", "Log4JRCE_BODY", "ReactJSRCE_BODY")

RATE = Variable(
    name="requests_per_address",
    kind="number",
    description="In five minutes; an address that sends more is refused until it sends less.",
    default=1_000,
    condition="var.requests_per_address >= 10 && var.requests_per_address <= 2000000000",
    problem="requests_per_address must lie between 10 and 2,000,000,000.",
)


def firewall(config: PhaseConfig, site: Site, balancer: Block) -> tuple[Block, ...]:
    """Return as many rules as the phase pays for, and where they apply; none for none.

    Raises:
        ConfigError: The phase asks for more rules than are known.
    """
    wanted = config.services.waf_rules
    if not wanted:
        return ()
    known = _rules(behind_cdn=config.services.cdn)
    if wanted > len(known):
        raise ConfigError(
            f"waf_rules is {wanted}: {len(known)} are known",
            hint=f"Ask for at most {len(known)}.",
        )
    acl = resource(
        "aws_wafv2_web_acl",
        "gateway",
        name=site.label,
        scope="REGIONAL",
        default_action={"allow": {}},
        rule=[
            {"priority": priority, "visibility_config": _measured(rule["name"]), **rule}
            for priority, rule in enumerate(known[:wanted], start=1)
        ],
        visibility_config=_measured(site.label),
    )
    return (
        acl,
        resource(
            "aws_wafv2_web_acl_association",
            "gateway",
            web_acl_arn=acl.ref("arn"),
            resource_arn=balancer.ref("arn"),
        ),
        *_log(site, acl),
    )


def _log(site: Site, acl: Block) -> Iterator[Block]:
    """What was refused, and whose it was; of all else nothing is kept, and no key of anybody."""
    group = resource(
        "aws_cloudwatch_log_group",
        "firewall",
        name=f"aws-waf-logs-{site.label}",  # the service writes to no other prefix
        retention_in_days=LOG_DAYS,
        kms_key_id=site.key.ref("arn"),
    )
    yield group
    refused = {"action_condition": {"action": "BLOCK"}}
    yield resource(
        "aws_wafv2_web_acl_logging_configuration",
        "gateway",
        resource_arn=acl.ref("arn"),
        log_destination_configs=[group.ref("arn")],
        logging_filter={
            "default_behavior": "DROP",
            "filter": [{"behavior": "KEEP", "requirement": "MEETS_ANY", "condition": [refused]}],
        },
        redacted_fields=[{"single_header": {"name": each}} for each in ("authorization", "cookie")],
    )


def _rules(*, behind_cdn: bool) -> tuple[dict[str, Any], ...]:
    return (
        _managed("common", "AWSManagedRulesCommonRuleSet", _COMMON_ABOUT_BODIES),
        _managed(
            "known-bad-inputs", "AWSManagedRulesKnownBadInputsRuleSet", _BAD_INPUTS_ABOUT_BODIES
        ),
        _rate(behind_cdn=behind_cdn),
    )


def _managed(name: str, rule_set: str, only_counted: Sequence[str]) -> dict[str, Any]:
    statement = {
        "vendor_name": "AWS",
        "name": rule_set,
        "rule_action_override": [
            {"name": rule, "action_to_use": {"count": {}}} for rule in only_counted
        ],
    }
    return {
        "name": name,
        "override_action": {"none": {}},
        "statement": {"managed_rule_group_statement": statement},
    }


def _rate(*, behind_cdn: bool) -> dict[str, Any]:
    """Limit an address, which a CDN hides behind its own and passes on in a header.

    A client may write that header itself, so behind a CDN the limit stops the careless only; the
    API key stops the rest.
    """
    limit: dict[str, Any] = {"limit": RATE.ref, "aggregate_key_type": "IP"}
    if behind_cdn:
        limit["aggregate_key_type"] = "FORWARDED_IP"
        limit["forwarded_ip_config"] = {
            "header_name": "X-Forwarded-For",
            "fallback_behavior": "MATCH",
        }
    return {
        "name": "rate",
        "action": {"block": {}},
        "statement": {"rate_based_statement": limit},
    }


def _measured(name: str) -> Mapping[str, Any]:
    """Counted in metrics, but without samples: those would keep prompts' headers."""
    return {
        "metric_name": name,
        "cloudwatch_metrics_enabled": True,
        "sampled_requests_enabled": False,
    }
