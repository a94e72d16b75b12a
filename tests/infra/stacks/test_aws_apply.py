"""Plan and apply with the real provider's own checks, against a mock of its cloud."""

from __future__ import annotations

from pathlib import Path

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.declaration import Phase
from infra.phases import phase_config
from infra.stacks.aws import aws_stacks
from tests.infra.stacks.mocked_aws import holds, mocked_aws, run
from tests.infra.stacks.terraforming import terraform

ZONES = ("use1-atl1-az1", "use1-az4", "use1-az1", "use1-az2")


def _tested(phase: Phase, folder: Path, text: str) -> str:
    stack, *_ = aws_stacks(phase_config(phase, GUIDE_NETWORK, Assumptions()))
    cli = terraform(folder, "aws")
    (place,) = cli.initialised([stack], folder / "out")
    (place / "region.tftest.hcl").write_text(text)
    return cli.run(place, "test", "-no-color")


def test_the_mvp_applies_and_tells_its_nodes(tmp_path: Path) -> None:
    said = _tested(
        Phase.MVP,
        tmp_path,
        mocked_aws(ZONES)
        + run(
            "apply",
            "apply",
            holds('output.nodes["orchestrator-1"].role == "orchestrator"'),
            holds('output.nodes["orchestrator-1"].public_ip != ""'),
            holds('output.nodes["transformer-2"].public_ip == ""'),
            holds("length(output.nodes) == 6 && length(output.scaling_groups) == 0"),
            holds('aws_subnet.private_1.availability_zone_id == "use1-az1"'),
            holds('aws_instance.transformer_1.ami == "ami-0123456789abcdef0"'),
            holds("length(aws_key_pair.operator) == 0"),
            holds(
                "length(aws_vpc_security_group_ingress_rule.orchestrator_ssh_from_operator) == 0"
            ),
            holds("length(aws_budgets_budget.month) == 0"),
        ),
    )
    assert "1 passed" in said


def test_production_applies_with_its_groups(tmp_path: Path) -> None:
    counted = "one(aws_budgets_budget.month[0].cost_filter).values"
    said = _tested(
        Phase.PRODUCTION,
        tmp_path,
        mocked_aws(ZONES)
        + 'variables {\n  budget_usd = 9000\n  alarm_email = "a@example.org"\n'
        + '  domain = "llm.example.org"\n  zone_id = "Z123"\n}\n'
        + run(
            "apply",
            "apply",
            holds('join(" ", keys(output.scaling_groups)) == "embedding transformer"'),
            holds('output.nodes["orchestrator-2"].public_ip == ""'),
            holds('aws_subnet.public_2.availability_zone_id == "use1-az2"'),
            holds("length(aws_budgets_budget.month[0].notification) == 2"),
            holds(f'tolist({counted})[0] == "user:qinfra_deployment$main"'),
        ),
    )
    assert "1 passed" in said


def test_what_an_operator_may_set_is_checked(tmp_path: Path) -> None:
    refused = (
        ("operator_cidr", '"0.0.0.0/0"'),
        ("operator_cidr", '"0.0.0.0/1"'),
        ("operator_cidr", '"::/0"'),
        ("operator_cidr", '"203.0.113.7"'),
        ("ami_id", '"ubuntu"'),
        ("ssh_public_key", '"PRIVATE KEY"'),
        ("deployment", '"Two Words"'),
        ("budget_usd", "-1"),
    )
    runs = [
        run(
            f"refused_{number}",
            "plan",
            f"variables {{\n    {name} = {value}\n  }}",
            f"expect_failures = [var.{name}]",
        )
        for number, (name, value) in enumerate(refused)
    ]
    own = (
        'variables {\n    operator_cidr = "203.0.113.7/32"\n'
        '    ssh_public_key = "ssh-ed25519 AAAA"\n  }'
    )
    rule = "aws_vpc_security_group_ingress_rule.orchestrator_ssh_from_operator"
    runs.append(
        run(
            "taken",
            "plan",
            own,
            holds(f'{rule}["203.0.113.7/32"].cidr_ipv4 == "203.0.113.7/32"'),
            holds('aws_instance.oracle_1.key_name == "qinfra-main-us-east-1"'),
        )
    )
    anyone = 'variables {\n    operator_cidr = "0.0.0.0/0"\n    allow_ssh_from_anywhere = true\n  }'
    runs.append(run("on_demand", "plan", anyone, holds(f"length({rule}) == 1")))
    said = _tested(Phase.MVP, tmp_path, mocked_aws(ZONES) + "".join(runs))
    assert f"{len(runs)} passed" in said


def test_too_few_zones_that_rent_the_machine_are_told_before_anything_is_made(
    tmp_path: Path,
) -> None:
    expected = "expect_failures = [data.aws_ec2_instance_type_offerings.g4dn_xlarge]"
    named = 'variables {\n  domain = "llm.example.org"\n  zone_id = "Z123"\n}\n'
    text = mocked_aws(["use1-az1", "use1-atl1-az1"]) + named + run("few", "plan", expected)
    assert "1 passed" in _tested(Phase.PRODUCTION, tmp_path, text)
