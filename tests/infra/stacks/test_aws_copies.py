"""Copies between regions: what goes where, under which key, and by whose right."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.cost.bill import bill
from infra.declaration import Phase, PhaseConfig
from infra.errors import QinfraError
from infra.phases import PhaseWishes, phase_config
from infra.stacks.aws import aws_stacks
from infra.stacks.blocks import Stack, resource

FIRST, SECOND, THIRD = "us-east-1", "eu-west-1", "ap-southeast-1"


def config_of(*regions: str) -> PhaseConfig:
    wishes = PhaseWishes(regions=regions or None)
    return phase_config(Phase.ENTERPRISE, GUIDE_NETWORK, Assumptions(), wishes)


def above(*regions: str) -> Stack:
    return aws_stacks(config_of(*regions))[-1]


def key(region: str) -> str:
    return f"${{data.terraform_remote_state.{region.replace('-', '_')}.outputs.key}}"


def bucket(region: str) -> str:
    name = region.replace("-", "_")
    return f"arn:aws:s3:::${{data.terraform_remote_state.{name}.outputs.bucket}}"


def rules(stack: Stack) -> list[dict[str, Any]]:
    (block,) = stack.of_kind("aws_s3_bucket_replication_configuration")
    return list(block.arguments["rule"])


def test_artifacts_go_from_the_first_region_to_all_others_under_their_own_keys() -> None:
    found = [
        (
            rule["filter"]["prefix"],
            rule["destination"]["bucket"],
            rule["destination"]["encryption_configuration"]["replica_kms_key_id"],
        )
        for rule in rules(above())
    ]
    assert found == [
        (f"{folder}/", bucket(region), key(region))
        for region in (SECOND, THIRD)
        for folder in ("releases", "models", "tenants")
    ]
    assert len({rule["priority"] for rule in rules(above())}) == len(found)


def test_a_deletion_is_not_copied() -> None:
    assert {rule["delete_marker_replication"]["status"] for rule in rules(above())} == {"Disabled"}


def test_each_database_is_copied_to_the_next_region_under_its_key() -> None:
    found = {
        block.name: (
            block.arguments["source_db_instance_arn"],
            block.arguments["kms_key_id"],
            block.meta.get("provider", f"aws in {FIRST}"),
        )
        for block in above().of_kind("aws_db_instance_automated_backups_replication")
    }
    state = "${data.terraform_remote_state"
    assert found == {
        "us_east_1": (f"{state}.us_east_1.outputs.database_arn}}", key(SECOND), "aws.eu_west_1"),
        "eu_west_1": (
            f"{state}.eu_west_1.outputs.database_arn}}", key(THIRD), "aws.ap_southeast_1",
        ),
        "ap_southeast_1": (
            f"{state}.ap_southeast_1.outputs.database_arn}}", key(FIRST), f"aws in {FIRST}",
        ),
    }  # fmt: skip


def test_the_bucket_is_told_by_a_provider_of_its_own_region() -> None:
    """S3 sends whoever asks elsewhere away."""
    stack = above(SECOND, FIRST)
    (block,) = stack.of_kind("aws_s3_bucket_replication_configuration")
    (provider,) = (each for each in stack.others if each.address == block.meta["provider"])
    assert provider.arguments["region"] == SECOND


def test_what_copies_may_read_the_first_bucket_and_write_the_others_alone() -> None:
    (role,) = above().of_kind("aws_iam_role_policy")
    statements = json.loads(role.arguments["policy"])["Statement"]
    may = {
        (action, place)
        for each in statements
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
        for place in ([each["Resource"]] if isinstance(each["Resource"], str) else each["Resource"])
    }
    assert not any("*" in action or place == "*" for action, place in may)
    writes = {place for action, place in may if action == "s3:ReplicateObject"}
    assert writes == {
        f"{bucket(region)}/{folder}/*"
        for region in (SECOND, THIRD)
        for folder in ("releases", "models", "tenants")
    }
    assert {place for action, place in may if action == "kms:Decrypt"} == {key(FIRST)}
    assert {place for action, place in may if action == "kms:Encrypt"} == {key(SECOND), key(THIRD)}
    assert all("Condition" in each for each in statements if "kms:" in str(each["Action"]))


def test_what_is_copied_is_put_out_by_its_region() -> None:
    *regions, stack = aws_stacks(config_of())
    assert set(stack.reads) == {each.name for each in regions}
    for region in regions:
        assert {"bucket", "key", "database_arn"} <= {output.name for output in region.outputs}


def test_one_region_copies_nowhere_and_says_no_more_than_before() -> None:
    region, stack = aws_stacks(config_of(FIRST))
    assert not stack.others
    assert not any("replication" in block.kind for block in stack.blocks)
    assert not {"key", "database_arn"} & {output.name for output in region.outputs}
    copied = {"artifacts to other regions", "PostgreSQL backups of another region"}
    assert not copied & {line.item for line in bill(config_of(FIRST), Assumptions())}


def test_the_bill_counts_what_is_sent_and_kept() -> None:
    found = {
        (line.region, line.item): line.quantity
        for line in bill(config_of(), Assumptions())
        if ("other region" in line.item and line.item != "to other regions")
        or "another region" in line.item
    }
    assert found[FIRST, "artifacts to other regions"] == 2 * 10
    for region in (FIRST, SECOND, THIRD):
        assert found[region, "PostgreSQL backups to another region"] == 100
        assert found[region, "PostgreSQL backups of another region"] == 100
    assert len(found) == 7


def test_a_provider_that_is_not_declared_is_refused() -> None:
    stack = above(FIRST)
    lost = resource("aws_vpc", "main", cidr_block="10.0.0.0/16", meta={"provider": "aws.lost"})
    with pytest.raises(QinfraError, match=r"aws_vpc\.main: no provider 'aws\.lost'"):
        Stack(name="lost", provider=stack.provider, blocks=(lost,))
