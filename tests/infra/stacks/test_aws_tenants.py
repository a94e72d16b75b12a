"""Tenants on AWS: nodes, groups, rights and names of their own, beside everybody else's."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.declaration import Phase, PhaseConfig
from infra.errors import ConfigError
from infra.phases import PhaseWishes, phase_config
from infra.stacks.aws import aws_stacks
from infra.stacks.aws_groups import MOST_TENANTS
from infra.stacks.blocks import Block, Stack
from infra.tenants import Tenant
from tests.infra.stacks.mocked_aws import MOCKED, OWN_CERTIFICATE, holds, mocked_aws, run
from tests.infra.stacks.terraforming import terraform

ACME = Tenant(name="acme", title="Acme Answers", domain="llm.acme.example", model="acme/m-1",
              dedicated=True, pipelines=2)  # fmt: skip
BANK = Tenant(name="big-bank", domain="ask.bank.example", pipelines=4)
LABEL_ONLY = Tenant(name="shop", title="Shop", domain="shop.example")
TENANTS = (ACME, BANK, LABEL_ONLY)


def with_tenants(*tenants: Tenant) -> PhaseConfig:
    wishes = PhaseWishes(tenants=tenants)
    return phase_config(Phase.ENTERPRISE, GUIDE_NETWORK, Assumptions(), wishes)


def stacks(*tenants: Tenant) -> dict[str, Stack]:
    return {stack.name: stack for stack in aws_stacks(with_tenants(*tenants))}


def blocks(*tenants: Tenant) -> dict[tuple[str, str], Block]:
    return {
        (stack.name, block.address): block
        for stack in stacks(*tenants).values()
        for block in stack.blocks
    }


def first_region(*tenants: Tenant) -> dict[str, Block]:
    return {block.address: block for block in stacks(*tenants)["enterprise-us-east-1"].blocks}


@pytest.mark.parametrize(
    ("before", "added"), [((), ACME), ((ACME,), BANK), ((BANK, LABEL_ONLY), ACME)]
)
def test_a_tenant_more_touches_nobody_elses(before: tuple[Tenant, ...], added: Tenant) -> None:
    less, more = blocks(*before), blocks(*before, added)
    assert {place: more[place] for place in less} == less
    new = [address for _, address in set(more) - set(less)]
    assert new
    assert all(added.key in address for address in new)


def test_pipelines_of_its_own_stand_in_the_first_regions() -> None:
    found = blocks(*TENANTS)
    machines = sorted(
        (stack.removeprefix("enterprise-"), address.removeprefix("aws_instance."))
        for stack, address in found
        if address.startswith("aws_instance.") and ("acme" in address or "bank" in address)
    )
    assert [each for each in machines if "embedding" in each[1]] == [
        ("ap-southeast-1", "embedding_big_bank_1"),
        ("eu-west-1", "embedding_acme_1"),
        ("eu-west-1", "embedding_big_bank_1"),
        ("us-east-1", "embedding_acme_1"),
        ("us-east-1", "embedding_big_bank_1"),
        ("us-east-1", "embedding_big_bank_2"),
    ]
    assert len(machines) == 12
    assert not any("shop" in address for _, address in found if "aws_instance" in address)


def test_only_a_dedicated_tenants_nodes_are_alone_on_their_hardware() -> None:
    tenancies = {
        address: block.arguments.get("tenancy")
        for address, block in first_region(*TENANTS).items()
        if block.kind == "aws_instance"
    }
    alone = {address for address, tenancy in tenancies.items() if tenancy == "dedicated"}
    assert alone == {"aws_instance.embedding_acme_1", "aws_instance.transformer_acme_1"}
    assert set(tenancies.values()) == {None, "dedicated"}


def test_nodes_that_follow_load_have_a_group_and_a_queue_of_the_tenants() -> None:
    config = with_tenants(ACME)
    groups = tuple(replace(group, maximum=9) if group.tenant else group for group in config.groups)
    (stack, *_) = aws_stacks(replace(config, groups=groups))
    found = {block.address: block.arguments for block in stack.blocks}
    template = found["aws_launch_template.embedding_acme"]
    assert template["placement"] == {"tenancy": "dedicated"}
    assert "placement" not in found["aws_launch_template.embedding"]
    worn = {
        each["key"]: each["value"] for each in found["aws_autoscaling_group.embedding_acme"]["tag"]
    }
    assert worn["qinfra_tenant"] == "acme"
    follows = found["aws_autoscaling_policy.embedding_acme"]["target_tracking_configuration"]
    dimensions = follows["customized_metric_specification"]["metric_dimension"]
    assert {"name": "tenant", "value": "acme"} in dimensions
    outputs = {output.name: output.value for output in stack.outputs}
    assert outputs["scaling_groups"]["embedding-acme"] == (
        "${aws_autoscaling_group.embedding_acme.name}"
    )


def test_a_tenants_nodes_reach_each_other_and_the_orchestrators_only() -> None:
    found = first_region(ACME, BANK)
    rules = {
        (block.arguments["security_group_id"], block.arguments.get("referenced_security_group_id"))
        for block in found.values()
        if block.kind.startswith("aws_vpc_security_group")
    }
    group = "${aws_security_group.tenant_acme.id}"
    peers = {b for a, b in rules if a == group} | {a for a, b in rules if b == group}
    assert peers == {
        None,  # packages and the cloud's own services
        group,
        "${aws_security_group.orchestrator.id}",
        "${aws_security_group.monitoring.id}",
    }
    node = found["aws_instance.embedding_acme_1"].arguments
    assert node["vpc_security_group_ids"] == [group]
    assert node["tags"]["qinfra_tenant"] == "acme"


def test_a_tenants_models_open_to_its_own_nodes_only() -> None:
    found = first_region(ACME, BANK)
    readers = {
        block.name
        for block in found.values()
        if block.kind == "aws_iam_role_policy" and "tenants/acme/*" in block.arguments["policy"]
    }
    assert readers == {"tenant_acme"}
    policy = json.loads(found["aws_iam_role_policy.tenant_acme"].arguments["policy"])
    bucket = "${aws_s3_bucket.artifacts.arn}"
    (fetch,) = (each for each in policy["Statement"] if each["Sid"] == "Fetch")
    assert fetch["Resource"] == [
        f"{bucket}/releases/*", f"{bucket}/models/*", f"{bucket}/tenants/acme/*",
    ]  # fmt: skip


def test_names_fit_the_clouds_limits() -> None:
    """With the longest deployment, region and tenant."""
    longest = replace(ACME, name="a" * 15)
    for stack in stacks(longest).values():
        for block in stack.blocks:
            for name in ("name", "user_data"):
                value = str(block.arguments.get(name, "")).replace("${var.deployment}", "d" * 24)
                if block.kind == "aws_iam_role":
                    assert len(value) <= 64, value
                if name == "user_data" and "hostname: " in value:
                    assert len(value.split("hostname: ")[1].split("\n")[0]) <= 63, value


def test_the_outputs_tell_whose_a_node_is_and_what_it_serves() -> None:
    made = stacks(*TENANTS)
    outputs = {output.name: output.value for output in made["enterprise-us-east-1"].outputs}
    node = outputs["nodes"]["embedding-acme-1"]
    assert (node["role"], node["tenant"], node["model"]) == ("embedding", "acme", "acme/m-1")
    assert set(outputs["tenants"]) == {"acme", "big-bank", "shop"}
    assert outputs["tenants"]["shop"]["title"] == "Shop"
    above = {output.name: output.value for output in made["enterprise-global"].outputs}
    assert above["tenant_endpoints"]["shop"] == {
        "endpoint": "https://shop.example",
        "leads_to": "${aws_cloudfront_distribution.tenant_shop.domain_name}",
    }


def test_rules_are_enough_for_the_most_tenants_and_one_more_is_refused() -> None:
    many = [Tenant(name=f"t{n}", pipelines=1) for n in range(MOST_TENANTS + 1)]
    rules = Counter(
        (block.kind, block.arguments["security_group_id"])
        for block in first_region(*many[:-1]).values()
        if block.kind.startswith("aws_vpc_security_group")
    )
    assert max(rules.values()) <= 60  # of AWS, in each direction
    with pytest.raises(ConfigError, match="21 tenants have nodes of their own in us-east-1"):
        aws_stacks(with_tenants(*many))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, tuple[Path, ...]]:
    folder = tmp_path_factory.mktemp("tenants")
    cli = terraform(folder, "aws")
    region, *_, above = aws_stacks(with_tenants(*TENANTS))
    return cli, cli.validated((region, above), folder / "out")


COPIED = {
    "bucket": "artifacts",
    "key": MOCKED["aws_kms_key"]["arn"],
    "database_arn": MOCKED["aws_db_instance"]["arn"],
}
ALIASES = ("eu_west_1", "ap_southeast_1")
_DOMAIN = {"domain": "llm.example.org", "zone_id": "Z123"}
_GIVEN = OWN_CERTIFICATE.replace("0a1b-1", "0a1b-2")
_ZONES = {"zone_id_acme": "ZACME", "zone_id_big_bank": "ZBANK"}


def test_a_tenants_name_has_its_own_certificate_or_one_that_is_given(
    folders: tuple[Any, tuple[Path, ...]],
) -> None:
    cli, (_, above) = folders
    values = {**_DOMAIN, **_ZONES, "certificate_arn_shop": _GIVEN}
    said = ", ".join(f'{name} = "{value}"' for name, value in values.items())
    outputs = {"balancer_dns_name": "b.example.org", "balancer_zone_id": "Z1", **COPIED}
    told = ", ".join(f'{name} = "{value}"' for name, value in outputs.items())
    states = "".join(
        f"  override_data {{\n    target = data.terraform_remote_state.{region}\n"
        f"    values = {{ outputs = {{ {told} }} }}\n  }}\n"
        for region in ("us_east_1", "eu_west_1", "ap_southeast_1")
    )
    shown = "aws_cloudfront_distribution.tenant_shop"
    test = run(
        "names", "apply", f"variables {{\n {said.replace(', ', chr(10))}\n}}", states,
        holds(f'{shown}.viewer_certificate[0].acm_certificate_arn == "{_GIVEN}"'),
        holds("length(aws_acm_certificate.tenant_shop) == 0"),
        holds("length(aws_route53_record.tenant_shop_a) == 0"),
        holds('aws_route53_record.tenant_acme_a[0].zone_id == "ZACME"'),
        holds('aws_acm_certificate.tenant_acme[0].domain_name == "llm.acme.example"'),
        holds('one(aws_cloudfront_distribution.main.aliases) == "llm.example.org"'),
        holds('one(aws_cloudfront_distribution.tenant_acme.aliases) == "llm.acme.example"'),
        holds("length(aws_s3_bucket_replication_configuration.artifacts.rule) == 6"),
    )  # fmt: skip
    (above / "tenants.tftest.hcl").write_text(mocked_aws([], ALIASES) + test)
    assert 'run "names"... pass' in cli.run(above, "test", "-no-color")


def test_a_tenants_name_without_either_is_refused(folders: tuple[Any, tuple[Path, ...]]) -> None:
    cli, (_, above) = folders
    values = {**_DOMAIN, **_ZONES}
    said = [f"-var={name}={value}" for name, value in values.items()]
    with pytest.raises(pytest.fail.Exception, match="Tenant shop: give zone_id_shop"):
        cli.run(above, "plan", "-input=false", "-no-color", *said)
