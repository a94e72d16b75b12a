"""EC2's security groups: what a rule between groups is described as is no part of its identity."""

from __future__ import annotations

from typing import Any

from moto.ec2.models.security_groups import SecurityGroupRule

_begin = SecurityGroupRule.__init__


def _with_description(self: Any, *arguments: Any, **named: Any) -> None:
    _begin(self, *arguments, **named)
    if said := self.source_group.get("Description"):
        self.source_group = {k: v for k, v in self.source_group.items() if k != "Description"}
        self.ip_range = {**self.ip_range, "Description": said}  # whence moto takes it


SecurityGroupRule.__init__ = _with_description  # type: ignore[method-assign]
