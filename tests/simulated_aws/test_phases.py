"""Phases with managed services really apply, have nothing to change after it, and are destroyed.

Each takes minutes, in which Terraform's provider waits as it would for AWS.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulated_aws.leftovers import client, leftovers
from tests.simulated_aws.running import Operator, simulated_aws

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
REGIONS = {
    "production": ("us-east-1",),
    "enterprise": ("us-east-1", "eu-west-1", "ap-southeast-1"),
}


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    with simulated_aws(tmp_path) as environment:
        yield Operator(folder=tmp_path, environment=environment)


@pytest.mark.parametrize("phase", REGIONS)
def test_a_phase_applies_settles_and_goes(operator: Operator, phase: str) -> None:
    zone = client(operator.environment, "route53", "us-east-1").create_hosted_zone(
        Name="example.org", CallerReference="once"
    )["HostedZone"]["Id"]
    values = {
        "domain": "llm.example.org",
        "zone_id": zone.rpartition("/")[2],
        "alarm_email": "operator@example.org",
        "budget_usd": "90000",
    }
    order = ("--phase", phase, *(f"--var={name}={value}" for name, value in values.items()))
    operator.types("deploy", *order, "--yes", "--skip-rollout")
    plan = operator.asks("plan", *order)
    assert plan["nothing_to_do"], [stack["summary"] for stack in plan["stacks"]]
    assert not operator.asks("drift")["drifted"]
    operator.types("destroy", "--yes")
    for region in REGIONS[phase]:
        kept = leftovers(operator.environment, region)
        assert [each for each in kept if ":snapshot:" not in each] == []  # its data's last copy
