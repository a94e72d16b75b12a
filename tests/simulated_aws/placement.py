"""EC2's placement groups."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.responses import EC2Response
from moto.ec2.utils import EC2_RESOURCE_TO_PREFIX, generic_filter

from tests.simulated_aws.extending import action_of
from tests.simulated_aws.tags import drop_tags

_KIND = "placement-group"
EC2_RESOURCE_TO_PREFIX.setdefault(_KIND, "pg")


@dataclass
class PlacementGroup(TaggedEC2Resource):
    """As moto's serialiser reads it: by attributes that are named as AWS names them."""

    ec2_backend: Any
    id: str
    group_name: str
    strategy: str
    group_arn: str
    state: str = "available"

    @property
    def group_id(self) -> str:
        return self.id


@action_of(EC2Response)
def create_placement_group(self: Any) -> ActionResult:
    name = self._get_param("GroupName")
    groups = _groups(self)
    if name in groups:
        raise EC2ClientError(
            "InvalidPlacementGroup.Duplicate", f"The placement group '{name}' already exists."
        )
    groups[name] = PlacementGroup(
        ec2_backend=self.ec2_backend,
        id=f"pg-{secrets.token_hex(8)}1",
        group_name=name,
        strategy=self._get_param("Strategy", "cluster"),
        group_arn=f"arn:aws:ec2:{self.region}:{self.current_account}:placement-group/{name}",
    )
    groups[name].add_tags(self._parse_tag_specification(_KIND).get(_KIND, {}))
    return ActionResult({"PlacementGroup": groups[name]})


@action_of(EC2Response)
def describe_placement_groups(self: Any) -> ActionResult:
    groups = _groups(self)
    for name in (wanted := self._get_param("GroupNames", [])):
        _known(groups, name)
    ids = self._get_param("GroupIds", [])
    found = [
        each
        for name, each in groups.items()
        if (not wanted or name in wanted) and (not ids or each.id in ids)
    ]
    return ActionResult(
        {"PlacementGroups": generic_filter(self._filters_from_querystring(), found)}
    )


@action_of(EC2Response)
def delete_placement_group(self: Any) -> EmptyResult:
    groups, name = _groups(self), self._get_param("GroupName")
    _known(groups, name)
    for instance in self.ec2_backend.all_instances():
        if instance.placement.group_name == name and instance.state != "terminated":
            raise EC2ClientError(
                "InvalidPlacementGroup.InUse", f"The placement group '{name}' is in use."
            )
    drop_tags(self.ec2_backend, [groups.pop(name).id])
    return EmptyResult()


def _groups(response: Any) -> dict[str, PlacementGroup]:
    """The groups of a region; kept in moto's backend, so that its reset forgets them."""
    found: dict[str, PlacementGroup] = response.ec2_backend.__dict__.setdefault("_pgs", {})
    return found


def _known(groups: dict[str, PlacementGroup], name: str) -> None:
    if name not in groups:
        raise EC2ClientError(
            "InvalidPlacementGroup.Unknown", f"The Placement Group '{name}' is unknown."
        )
