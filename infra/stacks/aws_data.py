"""What a region remembers: a PostgreSQL with a standby, and a Redis; neither sees the internet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.cost.bill import DATABASE_GB
from infra.ports import CACHE_PORT, DATABASE_PORT
from infra.stacks.aws_rights import cache_user
from infra.stacks.blocks import Output, Variable, resource
from infra.stacks.site import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.declaration import PhaseConfig
    from infra.stacks.blocks import Block
    from infra.stacks.site import Site

_POSTGRES = "17"
_REDIS = "7.1"
_DATABASE_LOGS = ("postgresql", "upgrade")
_LOG_DAYS = 30
_NOW = '${formatdate("YYYYMMDDhhmmss", plantimestamp())}'

_KEEP_DATABASE = Variable(
    name="keep_database",
    kind="bool",
    description="Refuse to delete the database; set to false, and apply, to destroy it.",
    default=True,
    protects=True,
)


def data(config: PhaseConfig, region: str, site: Site) -> Part:
    """Return the database and the cache that the phase has in this region, nothing for neither.

    No password is made here: RDS makes the master's, keeps it in Secrets Manager and renews it.
    Other users sign in with IAM. Performance Insights stays off: nobody reads it.

    Nor has the cache any password: orchestrators sign in with their role, over TLS, and who has not
    signed in may do nothing.
    """
    database, cache = _database(config, site), _cache(config, region, site)
    return Part(
        blocks=(*database, *cache),
        outputs=(*_database_outputs(config, database), *_cache_outputs(cache)),
        variables=(_KEEP_DATABASE,) if database else (),
    )


def _database(config: PhaseConfig, site: Site) -> tuple[Block, ...]:
    machine = config.services.database
    if machine is None:
        return ()
    logs = tuple(_database_logs(site))
    subnets = resource(
        "aws_db_subnet_group",
        "main",
        name=site.label,
        subnet_ids=[subnet.ref("id") for subnet in site.private],
    )
    parameters = resource(
        "aws_db_parameter_group",
        "main",
        name=f"{site.label}-postgres{_POSTGRES}",  # a new version needs a group beside the old one
        family=f"postgres{_POSTGRES}",
        parameter=[{"name": "rds.force_ssl", "value": "1"}],
        meta={"lifecycle": {"create_before_destroy": True}},
    )
    instance = resource(
        "aws_db_instance",
        "main",
        **_instance(machine, site),
        db_subnet_group_name=subnets.ref("name"),
        parameter_group_name=parameters.ref("name"),
        meta={
            "depends_on": [log.address for log in logs],
            "lifecycle": {"ignore_changes": ["final_snapshot_identifier"]},
        },
    )
    return (*logs, subnets, parameters, instance)


def _database_logs(site: Site) -> Iterator[Block]:
    """Made before the database, which would else make them without key and without end."""
    for name in _DATABASE_LOGS:
        yield resource(
            "aws_cloudwatch_log_group",
            f"database_{name}",
            name=f"/aws/rds/instance/{site.label}/{name}",
            retention_in_days=_LOG_DAYS,
            kms_key_id=site.key.ref("arn"),
        )


def _instance(machine: str, site: Site) -> dict[str, Any]:
    """Storage is gp2, as it is priced; 100 GB of it carry 300 operations a second, 3,000 at peak.

    The last snapshot is named for the time of the plan that made the database, so that each one's
    is kept. It opens with the site's key only: when that is destroyed too, it has to be copied
    under another key before the key's waiting time is over.
    """
    return {
        "identifier": site.label,
        "engine": "postgres",
        "engine_version": _POSTGRES,
        "auto_minor_version_upgrade": True,
        "instance_class": machine,
        "multi_az": True,
        "db_name": "qinfra",
        "username": "qinfra",
        "manage_master_user_password": True,
        "master_user_secret_kms_key_id": site.key.ref("arn"),
        "iam_database_authentication_enabled": True,
        "vpc_security_group_ids": [site.groups["database"].ref("id")],
        "port": DATABASE_PORT,
        "publicly_accessible": False,
        "storage_type": "gp2",
        "allocated_storage": DATABASE_GB,
        "storage_encrypted": True,
        "kms_key_id": site.key.ref("arn"),
        "backup_retention_period": 7,
        "backup_window": "02:00-03:00",
        "maintenance_window": "sun:03:30-sun:04:30",
        "copy_tags_to_snapshot": True,
        "deletion_protection": _KEEP_DATABASE.ref,
        "skip_final_snapshot": False,
        "final_snapshot_identifier": f"{site.label}-final-{_NOW}",
        "enabled_cloudwatch_logs_exports": list(_DATABASE_LOGS),
        "performance_insights_enabled": False,
    }


def _cache(config: PhaseConfig, region: str, site: Site) -> tuple[Block, ...]:
    """A phase keeps its cache beside the orchestrators or, in a cluster, as nodes of one region."""
    for group in config.groups:
        if group.region == region and group.role == "cache":
            mode = {
                "num_node_groups": 1,
                "replicas_per_node_group": group.count - 1,
                "parameter_group_name": "default.redis7.cluster.on",
                "automatic_failover_enabled": True,  # a cluster has no other way
            }
            return _redis(group.machine, group.count, mode, site)
    services = config.services
    if services.cache and services.cache_nodes:
        mode = {
            "num_cache_clusters": services.cache_nodes,
            "parameter_group_name": "default.redis7",
            "automatic_failover_enabled": services.cache_nodes > 1,
        }
        return _redis(services.cache, services.cache_nodes, mode, site)
    return ()


def _redis(machine: str, nodes: int, mode: dict[str, Any], site: Site) -> tuple[Block, ...]:
    subnets = resource(
        "aws_elasticache_subnet_group",
        "main",
        name=site.label,
        subnet_ids=[subnet.ref("id") for subnet in site.private],
    )
    *users, user_group = _users(site)
    return (
        subnets,
        *users,
        user_group,
        resource(
            "aws_elasticache_replication_group",
            "main",
            replication_group_id=site.short,
            description=f"Cache of {site.label}",
            engine="redis",
            engine_version=_REDIS,
            node_type=machine,
            port=CACHE_PORT,
            subnet_group_name=subnets.ref("name"),
            security_group_ids=[site.groups["cache"].ref("id")],
            user_group_ids=[user_group.ref("user_group_id")],
            at_rest_encryption_enabled="true",
            kms_key_id=site.key.ref("arn"),
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            multi_az_enabled=nodes > 1,
            auto_minor_version_upgrade="true",
            maintenance_window="sun:04:30-sun:05:30",
            snapshot_retention_limit=0,
            **mode,
        ),
    )


def _users(site: Site) -> tuple[Block, ...]:
    """Who may use the cache: orchestrators with a token that IAM signs, valid for 15 minutes.

    Every group must have a user called `default`, who is whoever has not signed in: nobody.
    """
    anyone = resource(
        "aws_elasticache_user",
        "default",
        user_id=f"{site.short}-default",
        user_name="default",
        engine="redis",
        access_string="off ~* -@all",
        no_password_required=True,  # as a mode, it would differ at every plan: AWS names it so
    )
    node = resource(
        "aws_elasticache_user",
        "node",
        user_id=cache_user(site),
        user_name=cache_user(site),  # IAM takes no user of two names
        engine="redis",
        access_string="on ~* &* +@all",
        authentication_mode={"type": "iam"},
    )
    group = resource(
        "aws_elasticache_user_group",
        "main",
        user_group_id=site.short,
        engine="redis",
        user_ids=[anyone.ref("user_id"), node.ref("user_id")],
    )
    return anyone, node, group


def _database_outputs(config: PhaseConfig, blocks: tuple[Block, ...]) -> Iterator[Output]:
    for block in blocks:
        if block.kind == "aws_db_instance":
            if len(config.regions) > 1:
                yield Output(
                    name="database_arn",
                    value=block.ref("arn"),
                    description="Of which another region keeps copies.",
                )
            yield Output(
                name="database_endpoint",
                value=block.ref("endpoint"),
                description="Host and port of the database.",
            )
            yield Output(
                name="database_secret_arn",
                value=f"${{one({block.address}.master_user_secret[*].secret_arn)}}",
                description="Where its master's password is kept; not the password.",
            )


def _cache_outputs(blocks: tuple[Block, ...]) -> Iterator[Output]:
    for block in blocks:
        if block.kind == "aws_elasticache_replication_group":
            cluster = "num_node_groups" in block.arguments
            kept = "configuration_endpoint_address" if cluster else "primary_endpoint_address"
            yield Output(
                name="cache_endpoint", value=block.ref(kept), description="Host of the cache."
            )
            yield Output(
                name="cache_user",
                value="${aws_elasticache_user.node.user_id}",
                description="As whom orchestrators sign in to it, with their role.",
            )
