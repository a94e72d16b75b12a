"""Alarms about what a region's users would notice, and where they go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.stacks.aws_rights import METRICS
from infra.stacks.aws_scaling import ASSUMED_QUEUE_PER_SLOT, QUEUE_METRIC, queue_dimensions
from infra.stacks.blocks import Output, Variable, resource
from infra.stacks.site import Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.declaration import PhaseConfig
    from infra.stacks.blocks import Block
    from infra.stacks.site import Site

_BALANCER = {"LoadBalancer": "${aws_lb.gateway.arn_suffix}"}
_TARGETS = {**_BALANCER, "TargetGroup": "${aws_lb_target_group.gateway.arn_suffix}"}
_DATABASE = {"DBInstanceIdentifier": "${aws_db_instance.main.identifier}"}
_FREE_BYTES = 10 * 2**30
_CPU_PERCENT = 80
_MINUTES_5 = 300

ALARM_EMAIL = Variable(
    name="alarm_email",
    kind="string",
    description="Who is told of alarms; nobody when empty.",
    default="",
)


def alarms(config: PhaseConfig, region: str, site: Site) -> Part:
    """Return a topic and what rings on it; nothing where neither balancer nor database stand.

    Each metric of an alarm is billed; ten in an account are free.
    """
    services = config.services
    topic = resource(
        "aws_sns_topic", "alarms", name=site.label, kms_master_key_id=site.key.ref("id")
    )
    rings: list[Block] = []
    if services.load_balancer:
        rings += [_errors(config, site, topic), _unhealthy(site, topic)]
    if services.database:
        rings += _database(site, topic)
    if any(group.scales for group in config.groups if group.region == region):
        rings.append(_queue(region, site, topic))
    if not rings:
        return Part(blocks=())
    return Part(
        blocks=(topic, _subscription(topic), *rings, *_gateways(config, site, topic)),
        outputs=(
            Output(name="alarm_topic", value=topic.ref("arn"), description="Where alarms ring."),
        ),
        variables=(ALARM_EMAIL,),
    )


def _subscription(topic: Block) -> Block:
    return resource(
        "aws_sns_topic_subscription",
        "alarms",
        topic_arn=topic.ref("arn"),
        protocol="email",
        endpoint=ALARM_EMAIL.ref,
        meta={"count": '${var.alarm_email == "" ? 0 : 1}'},
    )


def _errors(config: PhaseConfig, site: Site, topic: Block) -> Block:
    """More failed answers than the phase's availability allows, three times in a quarter hour."""
    return resource(
        "aws_cloudwatch_metric_alarm",
        "errors",
        alarm_name=f"{site.label}-errors",
        alarm_description="More requests fail than the phase promises.",
        comparison_operator="GreaterThanThreshold",
        threshold=round(1 - config.target.availability, 6),
        evaluation_periods=3,
        treat_missing_data="notBreaching",  # nobody asked
        metric_query=[
            {
                "id": "share",
                "expression": "(FILL(balancer, 0) + FILL(gateway, 0)) / requests",
                "label": "Share of requests that fail",
                "return_data": True,
            },
            _sum("balancer", "HTTPCode_ELB_5XX_Count"),
            _sum("gateway", "HTTPCode_Target_5XX_Count"),
            _sum("requests", "RequestCount"),
        ],
        **_rings(topic),
    )


def _sum(name: str, metric: str) -> dict[str, Any]:
    return {
        "id": name,
        "metric": {
            "namespace": "AWS/ApplicationELB",
            "metric_name": metric,
            "dimensions": _BALANCER,
            "period": _MINUTES_5,
            "stat": "Sum",
        },
    }


def _unhealthy(site: Site, topic: Block) -> Block:
    return _simple(
        "unhealthy",
        site,
        topic,
        description="A gateway is not ready.",
        namespace="AWS/ApplicationELB",
        metric_name="UnHealthyHostCount",
        dimensions=_TARGETS,
        statistic="Maximum",
        threshold=0,
    )


def _database(site: Site, topic: Block) -> Iterator[Block]:
    yield _simple(
        "database_storage",
        site,
        topic,
        description="The database has less than 10 GiB left.",
        namespace="AWS/RDS",
        metric_name="FreeStorageSpace",
        dimensions=_DATABASE,
        statistic="Minimum",
        comparison_operator="LessThanThreshold",
        threshold=_FREE_BYTES,
    )
    yield _simple(
        "database_cpu",
        site,
        topic,
        description="The database computes at more than 80 %.",
        namespace="AWS/RDS",
        metric_name="CPUUtilization",
        dimensions=_DATABASE,
        statistic="Average",
        threshold=_CPU_PERCENT,
    )


def _queue(region: str, site: Site, topic: Block) -> Block:
    """Groups that do not keep up, or that stand still because nobody tells them of the queue."""
    return _simple(
        "queue",
        site,
        topic,
        description="Four times the queue that groups aim at, or nobody tells of it: no group "
        "grows or shrinks.",
        namespace=METRICS,
        metric_name=QUEUE_METRIC,
        dimensions=dict(queue_dimensions(region)),
        statistic="Average",
        threshold=4 * ASSUMED_QUEUE_PER_SLOT,
        treat_missing_data="breaching",
    )


def _gateways(config: PhaseConfig, site: Site, topic: Block) -> Iterator[Block]:
    """One in each zone; no more zones, no more gateways."""
    for number in range(1, min(config.services.nat_gateways, len(site.public)) + 1):
        yield _simple(
            f"nat_{number}",
            site,
            topic,
            description="Connections to the internet fail: the NAT gateway has no ports left.",
            namespace="AWS/NATGateway",
            metric_name="ErrorPortAllocation",
            dimensions={"NatGatewayId": f"${{aws_nat_gateway.nat_{number}.id}}"},
            statistic="Sum",
            threshold=0,
        )


def _simple(name: str, site: Site, topic: Block, *, description: str, **metric: Any) -> Block:
    """An alarm about one metric, above its threshold unless said otherwise."""
    given = {
        "comparison_operator": "GreaterThanThreshold",
        "period": _MINUTES_5,
        "treat_missing_data": "missing",
        **metric,
    }
    return resource(
        "aws_cloudwatch_metric_alarm",
        name,
        alarm_name=f"{site.label}-{name.replace('_', '-')}",
        alarm_description=description,
        evaluation_periods=3,
        **given,
        **_rings(topic),
    )


def _rings(topic: Block) -> Mapping[str, Any]:
    return {"alarm_actions": [topic.ref("arn")], "ok_actions": [topic.ref("arn")]}
