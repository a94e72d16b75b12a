"""ElastiCache: the members of a replication group, and the end of groups."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from moto.core.responses import EmptyResult
from moto.core.utils import utcnow
from moto.elasticache.models import ElastiCacheBackend
from moto.elasticache.responses import ElastiCacheResponse


def fill() -> None:
    """Answer what moto does not."""
    create = ElastiCacheBackend.create_replication_group
    delete = ElastiCacheBackend.delete_replication_group

    def create_replication_group(self: Any, **given: Any) -> Any:
        group = create(self, **given)
        for name in group.member_clusters:
            self.cache_clusters[name] = _member(self, group, name, given)
        return group

    def delete_replication_group(self: Any, *args: Any, **given: Any) -> Any:
        name = given.get("replication_group_id") or args[0]
        for member in list(getattr(self.replication_groups.get(name), "member_clusters", [])):
            self.cache_clusters.pop(member, None)
        group = delete(self, *args, **given)
        self.replication_groups.pop(name, None)  # moto has it in "deleting" for ever
        return group

    ElastiCacheBackend.create_replication_group = create_replication_group
    ElastiCacheBackend.delete_replication_group = delete_replication_group
    ElastiCacheResponse.delete_cache_subnet_group = _delete_subnet_group


def _member(backend: Any, group: Any, name: str, given: dict[str, Any]) -> SimpleNamespace:
    arn = f"arn:aws:elasticache:{backend.region_name}:{backend.account_id}:cluster:{name}"
    return SimpleNamespace(
        cache_cluster_id=name,
        cache_cluster_status="available",
        engine="redis",
        engine_version=given.get("engine_version") or "7.1.0",
        num_cache_nodes=1,
        cache_node_type=group.cache_node_type,
        cache_subnet_group_name=group.cache_subnet_group_name,
        replication_group_id=group.replication_group_id,
        security_groups=[
            {"SecurityGroupId": each, "Status": "active"}
            for each in given.get("security_group_ids") or []
        ],
        cache_parameter_group={
            "CacheParameterGroupName": given.get("cache_parameter_group_name") or "default.redis7",
            "ParameterApplyStatus": "in-sync",
        },
        preferred_maintenance_window="sun:05:00-sun:06:00",
        auto_minor_version_upgrade=True,
        snapshot_retention_limit=given.get("snapshot_retention_limit") or 0,
        snapshot_window=given.get("snapshot_window") or "03:00-04:00",
        arn=arn,
        network_type="ipv4",
        ip_discovery="ipv4",
        replication_group_log_delivery_enabled=False,
        cache_cluster_create_time=utcnow(),
        port=6379,
        tags=[],
    )


def _delete_subnet_group(self: Any) -> EmptyResult:
    groups = self.elasticache_backend.cache_subnet_groups
    groups.pop(self._get_param("CacheSubnetGroupName"), None)
    return EmptyResult()
