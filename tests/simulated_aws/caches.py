"""ElastiCache's replication groups: as many nodes as asked for, each described, and an end."""

from __future__ import annotations

from inspect import signature
from typing import Any

from moto.core.responses import EmptyResult
from moto.elasticache.models import CacheCluster, ElastiCacheBackend, ReplicationGroup
from moto.elasticache.responses import ElastiCacheResponse

from tests.simulated_aws.extending import action_of

_create_replication_group = ElastiCacheBackend.create_replication_group
_delete_replication_group = ElastiCacheBackend.delete_replication_group
_CLUSTERED = ".cluster.on"
_NODE = tuple(signature(CacheCluster).parameters)


@action_of(ElastiCacheBackend)
def create_replication_group(self: Any, **asked: Any) -> ReplicationGroup:
    """As moto's, which makes of every group one of a single node, and describes not even that."""
    parameters = asked["cache_parameter_group_name"] or ""
    if parameters.endswith(_CLUSTERED):
        asked["cluster_mode"] = "enabled"
    elif asked["num_cache_clusters"]:
        asked["replicas_per_node_group"] = asked["num_cache_clusters"] - 1
    group = _create_replication_group(self, **asked)
    for name in group.member_clusters:
        self.cache_clusters[name] = _node(self, name, asked)
    return group


@action_of(ElastiCacheBackend)
def delete_replication_group(self: Any, replication_group_id: str, **asked: Any) -> Any:
    """As moto's, which never comes to its end."""
    names = self.describe_replication_groups(replication_group_id)[0].member_clusters[:]
    group = _delete_replication_group(self, replication_group_id, **asked)
    for name in names:
        self.cache_clusters.pop(name, None)
    return self.replication_groups.pop(replication_group_id, group)


@action_of(ElastiCacheResponse)
def delete_cache_subnet_group(self: Any) -> EmptyResult:
    name = self._get_param("CacheSubnetGroupName")
    self.elasticache_backend.describe_cache_subnet_groups(name)
    del self.elasticache_backend.cache_subnet_groups[name]
    return EmptyResult()


def _node(backend: Any, name: str, asked: dict[str, Any]) -> CacheCluster:
    given = {each: asked.get(each) for each in _NODE}
    node = CacheCluster(
        **given
        | {
            "account_id": backend.account_id,
            "region_name": backend.region_name,
            "cache_cluster_id": name,
            "engine_version": _full(asked["engine_version"] or "7.1"),
        }
    )
    # As AWS tells them, beside what was asked for.
    node.security_groups = [
        {"SecurityGroupId": each, "Status": "active"} for each in asked["security_group_ids"] or ()
    ]
    node.cache_parameter_group = {
        "CacheParameterGroupName": asked["cache_parameter_group_name"] or "default.redis7",
        "ParameterApplyStatus": "in-sync",
    }
    node.at_rest_encryption_enabled = asked["at_rest_encryption_enabled"]
    node.transit_encryption_mode = asked["transit_encryption_mode"]
    return node


def _full(version: str) -> str:
    """Return 7.1 as 7.1.0."""
    return version if version.count(".") > 1 else f"{version}.0"
