"""AWS Backup's selections, which are what a plan copies, and its tags."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from moto.backup.responses import BackupResponse
from moto.core.exceptions import ServiceException

from tests.simulated_aws.extending import action_of

_PATH = re.compile(r"/backup/plans/(?P<plan>[^/]+)/selections/?(?P<selection>[^/]*)$")


class ResourceNotFoundException(ServiceException):
    """Of this module's service, as moto tells by its package."""


ResourceNotFoundException.__module__ = BackupResponse.__module__


@action_of(BackupResponse)
def create_backup_selection(self: Any) -> str:
    plan, _ = _named(self)
    self.backup_backend.get_backup_plan(plan, None)
    made = {
        "SelectionId": str(uuid.uuid4()),
        "BackupPlanId": plan,
        "CreationDate": datetime.now(UTC).timestamp(),
        "BackupSelection": json.loads(self.body)["BackupSelection"],
    }
    _selections(self)[plan, made["SelectionId"]] = made
    return json.dumps(made)


@action_of(BackupResponse)
def get_backup_selection(self: Any) -> str:
    return json.dumps(_selections(self)[_found(self)])


@action_of(BackupResponse)
def delete_backup_selection(self: Any) -> str:
    del _selections(self)[_found(self)]
    return "{}"


@action_of(BackupResponse)
def list_tags(self: Any) -> str:
    """As moto's, which takes the resource's name from a path that ends with a slash only."""
    arn = unquote(self.path.partition("/tags/")[2].rstrip("/"))
    return json.dumps({"Tags": self.backup_backend.list_tags(resource_arn=arn)})


def _found(response: Any) -> tuple[str, str]:
    named = _named(response)
    if named not in _selections(response):
        raise ResourceNotFoundException("ResourceNotFoundException", "Cannot find Backup selection")
    return named


def _named(response: Any) -> tuple[str, str]:
    match = _PATH.search(response.path)
    assert match is not None
    return match["plan"], match["selection"]


def _selections(response: Any) -> dict[tuple[str, str], dict[str, Any]]:
    kept: dict[tuple[str, str], dict[str, Any]] = response.backup_backend.__dict__.setdefault(
        "_selections", {}
    )
    return kept
