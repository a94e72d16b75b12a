"""ElastiCache's users as AWS tells of them, and their groups."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.elasticache.models import ElastiCacheBackend, User
from moto.elasticache.responses import ElastiCacheResponse

from tests.simulated_aws.extending import action_of

_TOLD = {"no-password-required": "no-password"}  # AWS's word for it, when it is asked


class UserGroupNotFoundFault(ServiceException):
    code = "UserGroupNotFound"


UserGroupNotFoundFault.__module__ = ElastiCacheResponse.__module__


@dataclass
class UserGroup:
    """As moto's serialiser reads it."""

    user_group_id: str
    engine: str
    user_ids: list[str]
    arn: str
    status: str = "active"
    minimum_engine_version: str = "6.0"


def _authentication(self: Any) -> dict[str, Any]:
    kind = self.authentication_type
    return {"Type": _TOLD.get(kind, kind), "PasswordCount": len(self.passwords) or None}


_begin = ElastiCacheBackend.__init__


def _with_tagged_groups(self: Any, *arguments: Any, **named: Any) -> None:
    _begin(self, *arguments, **named)
    self.arn_regex = re.compile(r"arn:aws:elasticache:[^:]*:\d+:[a-z]+:.+")


ElastiCacheBackend.__init__ = _with_tagged_groups  # type: ignore[method-assign]
User.authentication = property(_authentication)  # type: ignore[method-assign, assignment]


@action_of(ElastiCacheResponse)
def create_user_group(self: Any) -> ActionResult:
    name = self._get_param("UserGroupId")
    backend = self.elasticache_backend
    arn = f"arn:aws:elasticache:{self.region}:{self.current_account}:usergroup:{name}"
    group = UserGroup(
        user_group_id=name,
        engine=self._get_param("Engine").lower(),
        user_ids=list(self._get_param("UserIds", [])),
        arn=arn,
    )
    for each in group.user_ids:
        backend.users[each].user_group_ids.append(name)
    if tags := self._get_param("Tags", []):
        backend.tagging_service.tag_resource(arn, tags)
    _groups(self)[name] = group
    return ActionResult(group)


@action_of(ElastiCacheResponse)
def describe_user_groups(self: Any) -> ActionResult:
    name = self._get_param("UserGroupId")
    found = [_known(self, name)] if name else list(_groups(self).values())
    return ActionResult({"UserGroups": found})


@action_of(ElastiCacheResponse)
def delete_user_group(self: Any) -> ActionResult:
    group = _known(self, self._get_param("UserGroupId"))
    for each in group.user_ids:
        self.elasticache_backend.users[each].user_group_ids.remove(group.user_group_id)
    del _groups(self)[group.user_group_id]
    group.status = "deleting"
    return ActionResult(group)


def _known(response: Any, name: str) -> UserGroup:
    if name not in _groups(response):
        raise UserGroupNotFoundFault(f"UserGroup {name} not found.")
    return _groups(response)[name]


def _groups(response: Any) -> dict[str, UserGroup]:
    kept: dict[str, UserGroup] = response.elasticache_backend.__dict__.setdefault("_ugs", {})
    return kept
