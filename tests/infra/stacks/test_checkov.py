"""What a stranger's rules say about the plan of every phase on AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.backend import STATE_FILE
from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.declaration import Phase
from infra.phases import PhaseWishes, phase_config
from infra.stacks.aws import aws_stacks
from infra.stacks.blocks import Stack
from infra.tenants import Tenant
from tests.infra.stacks import checkov
from tests.infra.stacks.checkov import Failed, Reason
from tests.infra.stacks.ground import config_of
from tests.infra.stacks.mocked_aws import MOCKED
from tests.infra.stacks.simulated_aws import simulated_aws
from tests.infra.stacks.terraforming import Terraform, terraform

REASONS = Path(__file__).with_name("checkov_reasons.toml")
REGIONS = config_of(Phase.ENTERPRISE).regions
VALUES = {"domain": "llm.example.org", "zone_id": "Z123", "alarm_email": "a@example.org",
          "ami_id": "ami-0123456789abcdef0", "budget_usd": 9000,
          "zone_id_acme": "Z456"}  # fmt: skip
TENANT = Tenant(name="acme", domain="llm.acme.example", dedicated=True, pipelines=3)
SPOILED = "production-spoiled"
# The plan's resource, the argument and its bad value, and the rule that has to notice.
PLANTED = {
    ("aws_instance", "root_block_device", "encrypted"): "CKV_AWS_8",
    ("aws_db_instance", "storage_encrypted"): "CKV_AWS_16",
    ("aws_s3_bucket_public_access_block", "block_public_acls"): "CKV_AWS_53",
}

pytestmark = pytest.mark.timeout(480)  # the first run installs


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Plan one region of each phase and what stands above regions, as JSON."""
    folder = tmp_path_factory.mktemp("checkov")
    mvp, production = (aws_stacks(config_of(phase)) for phase in (Phase.MVP, Phase.PRODUCTION))
    wishes = PhaseWishes(tenants=(TENANT,))
    enterprise = aws_stacks(phase_config(Phase.ENTERPRISE, GUIDE_NETWORK, Assumptions(), wishes))
    stacks = (mvp[0], production[0], enterprise[0], enterprise[-1])
    with simulated_aws() as environment:
        _addresses_of_checks(environment)
        cli = terraform(folder, "aws")
        cli = replace(cli, environment=cli.environment | environment)
        places = cli.initialised(stacks, folder / "out")
        for region in REGIONS:
            _applied(folder / "out" / "stacks" / f"enterprise-{region}")
        return tuple(
            _planned(cli, stack, place, folder) for stack, place in zip(stacks, places, strict=True)
        )


def _addresses_of_checks(environment: dict[str, str]) -> None:
    """AWS keeps this list itself; the simulation has to be given it."""
    ec2 = boto3.client(
        "ec2", region_name=REGIONS[0], endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    name = f"com.amazonaws.{REGIONS[0]}.route53-healthchecks"
    ec2.create_managed_prefix_list(PrefixListName=name, MaxEntries=1, AddressFamily="IPv4")


def _applied(place: Path) -> None:
    """Leave the state of a region whose balancer stands."""
    outputs = {
        name: {"value": name, "type": "string"}
        for name in ("balancer_dns_name", "balancer_zone_id", "bucket")
    }
    for name, kind in (("key", "aws_kms_key"), ("database_arn", "aws_db_instance")):
        outputs[name] = {"value": str(MOCKED[kind]["arn"]), "type": "string"}
    state = {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "0a",
             "outputs": outputs, "resources": []}  # fmt: skip
    place.mkdir(exist_ok=True)
    (place / STATE_FILE).write_text(json.dumps(state))


def _planned(cli: Terraform, stack: Stack, place: Path, folder: Path) -> Path:
    known = {variable.name for variable in stack.variables}
    values = [f"-var={name}={value}" for name, value in VALUES.items() if name in known]
    cli.run(place, "plan", "-input=false", "-no-color", "-lock=false", "-out=plan", *values)
    file = folder / f"{stack.name}.json"
    file.write_text(cli.run(place, "show", "-json", "plan"))
    return file


@pytest.fixture(scope="module")
def failed(plans: tuple[Path, ...]) -> tuple[Failed, ...]:
    spoiled = plans[0].with_name(f"{SPOILED}.json")
    spoiled.write_text(json.dumps(_spoiled(json.loads(plans[1].read_text()))))
    summary, found = checkov.checked([*plans, spoiled])
    assert summary["parsing_errors"] == 0
    assert summary["resource_count"] > 500
    return found


def _spoiled(plan: dict[str, Any]) -> dict[str, Any]:
    for kind, *path, last in PLANTED:
        for arguments in _arguments(plan, kind):
            place: Any = arguments
            for name in path:
                place = place[name][0]
            assert place[last] is True
            place[last] = False
    return plan


def _arguments(plan: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    for each in plan["planned_values"]["root_module"]["resources"]:
        if each["type"] == kind:
            yield each["values"]
    for each in plan["resource_changes"]:
        if each["type"] == kind:
            yield each["change"]["after"]


def test_what_fails_is_meant_to(failed: tuple[Failed, ...]) -> None:
    own = [each for each in failed if each.plan != SPOILED]
    assert checkov.unexplained(own, checkov.reasons(REASONS)) == []


def test_no_reason_outlives_what_it_was_for(failed: tuple[Failed, ...]) -> None:
    own = [each for each in failed if each.plan != SPOILED]
    assert checkov.outlived(own, checkov.reasons(REASONS)) == []


def test_planted_mistakes_are_found(failed: tuple[Failed, ...]) -> None:
    spoiled = [each for each in failed if each.plan == SPOILED]
    found = {each.check for each in checkov.unexplained(spoiled, checkov.reasons(REASONS))}
    assert found >= set(PLANTED.values())


def test_a_reason_is_about_its_own_check_plan_and_resource() -> None:
    reason = Reason(check="A", resource="aws_lb.*", why="so", plan="mvp-*")
    here = Failed(plan="mvp-us-east-1", check="A", name="a", resource="aws_lb.gateway")
    others = [replace(here, plan="production-us-east-1"), replace(here, check="B"),
              replace(here, resource="aws_alb.gateway")]  # fmt: skip
    assert checkov.unexplained([here, *others], [reason]) == others
    assert checkov.outlived(others, [reason]) == [reason]
