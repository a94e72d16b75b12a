from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from infra.declaration import Phase, PhaseConfig
from infra.stacks.aws_data import data
from infra.stacks.site import Part
from tests.infra.stacks.ground import GUARDED, config_of, one, regions_of, site_of, texts

EVERYWHERE = regions_of(*GUARDED)
REDIS = "aws_elasticache_replication_group"


def part_of(config: PhaseConfig, region: str = "us-east-1") -> Part:
    return data(config, region, site_of(config, region))


def database_of(config: PhaseConfig, region: str) -> dict[str, Any]:
    return one(part_of(config, region), "aws_db_instance")


def test_a_phase_without_services_remembers_nothing() -> None:
    assert part_of(config_of(Phase.MVP)) == Part(blocks=())


@pytest.mark.parametrize(("config", "region"), EVERYWHERE)
def test_the_database_is_private_encrypted_and_kept(config: PhaseConfig, region: str) -> None:
    database = database_of(config, region)
    assert database["publicly_accessible"] is False
    assert database["storage_encrypted"] is True
    assert database["kms_key_id"] == "${aws_kms_key.main.arn}"
    assert database["deletion_protection"] == "${var.keep_database}"
    assert database["skip_final_snapshot"] is False
    assert database["backup_retention_period"] == 7


@pytest.mark.parametrize(("config", "region"), EVERYWHERE)
def test_the_database_is_what_the_bill_prices(config: PhaseConfig, region: str) -> None:
    database = database_of(config, region)
    assert database["instance_class"] == config.services.database
    assert (database["multi_az"], database["storage_type"]) == (True, "gp2")
    assert database["allocated_storage"] == 100


@pytest.mark.parametrize(("config", "region"), EVERYWHERE)
def test_data_stand_in_private_subnets(config: PhaseConfig, region: str) -> None:
    part = part_of(config, region)
    groups = [block for block in part.blocks if block.kind.endswith("_subnet_group")]
    private = ["${aws_subnet.private_2.id}", "${aws_subnet.private_3.id}"]
    assert groups
    assert all(group.arguments["subnet_ids"] == private for group in groups)


def test_connections_to_the_database_are_encrypted() -> None:
    parameters = one(part_of(config_of(Phase.PRODUCTION)), "aws_db_parameter_group")
    assert {"name": "rds.force_ssl", "value": "1"} in parameters["parameter"]


@pytest.mark.parametrize(("config", "region"), EVERYWHERE)
def test_no_secret_is_an_argument(config: PhaseConfig, region: str) -> None:
    secret = {"password", "passwords", "password_wo", "auth_token"}
    for block in part_of(config, region).blocks:
        assert not {name for name, _ in texts(dict(block.arguments))} & secret
    assert database_of(config, region)["manage_master_user_password"] is True


def test_logs_are_made_before_the_database_makes_them() -> None:
    part = part_of(config_of(Phase.PRODUCTION))
    (database,) = (block for block in part.blocks if block.kind == "aws_db_instance")
    exported = database.arguments["enabled_cloudwatch_logs_exports"]
    assert database.meta["depends_on"] == [
        f"aws_cloudwatch_log_group.database_{name}" for name in exported
    ]


def test_production_caches_beside_its_orchestrators() -> None:
    cache = one(part_of(config_of(Phase.PRODUCTION)), REDIS)
    assert (cache["node_type"], cache["num_cache_clusters"]) == ("cache.m6g.large", 2)
    assert cache["parameter_group_name"] == "default.redis7"


def test_enterprise_has_a_cluster_in_one_region() -> None:
    config = config_of(Phase.ENTERPRISE)
    cache = one(part_of(config), REDIS)
    assert (cache["num_node_groups"], cache["replicas_per_node_group"]) == (1, 1)
    assert cache["parameter_group_name"].endswith(".cluster.on")
    for region in config.regions[1:]:
        assert REDIS not in {block.kind for block in part_of(config, region).blocks}


@pytest.mark.parametrize("phase", GUARDED)
def test_the_cache_is_encrypted_and_fails_over(phase: Phase) -> None:
    cache = one(part_of(config_of(phase)), REDIS)
    assert cache["at_rest_encryption_enabled"] == "true"
    assert cache["kms_key_id"] == "${aws_kms_key.main.arn}"
    assert (cache["transit_encryption_enabled"], cache["transit_encryption_mode"]) == (
        True,
        "required",
    )
    assert (cache["automatic_failover_enabled"], cache["multi_az_enabled"]) == (True, True)


@pytest.mark.parametrize("phase", GUARDED)
def test_nobody_uses_the_cache_without_signing_in(phase: Phase) -> None:
    part = part_of(config_of(phase))
    users = {
        block.arguments["user_name"]: block.arguments
        for block in part.blocks
        if block.kind == "aws_elasticache_user"
    }
    assert users.pop("default")["access_string"] == "off ~* -@all"
    ((name, node),) = users.items()
    assert (name, node["authentication_mode"]) == (node["user_id"], {"type": "iam"})
    assert one(part, REDIS)["user_group_ids"] == [
        "${aws_elasticache_user_group.main.user_group_id}"
    ]


def test_one_cache_node_has_nothing_to_fail_over_to() -> None:
    config = config_of(Phase.PRODUCTION)
    config = replace(config, services=replace(config.services, cache_nodes=1))
    cache = one(part_of(config), REDIS)
    assert (cache["automatic_failover_enabled"], cache["multi_az_enabled"]) == (False, False)


@pytest.mark.parametrize(
    ("phase", "attribute"),
    [
        (Phase.PRODUCTION, "primary_endpoint_address"),
        (Phase.ENTERPRISE, "configuration_endpoint_address"),
    ],
)
def test_endpoints_are_put_out(phase: Phase, attribute: str) -> None:
    outputs = {output.name: output.value for output in part_of(config_of(phase)).outputs}
    database = {"database_endpoint", "database_secret_arn"}
    if phase is Phase.ENTERPRISE:
        database.add("database_arn")  # another region copies it
    assert set(outputs) == {*database, "cache_endpoint", "cache_user"}
    assert outputs["cache_endpoint"].endswith(f".{attribute}}}")
