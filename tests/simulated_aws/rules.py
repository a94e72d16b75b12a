"""Rules of security groups: what they are for, also when they name another group."""

from __future__ import annotations

from typing import Any

from moto.ec2.models.security_groups import SecurityGroupBackend, SecurityGroupRule


def fill() -> None:
    """Keep the description of a rule whose source is a group."""
    add = SecurityGroupBackend._add_source_group

    def add_source_group(self: Any, source_groups: Any, vpc_id: str | None) -> Any:
        added = add(self, source_groups, vpc_id)
        for given, kept in zip(source_groups or [], added, strict=True):
            if given.get("Description"):
                kept["Description"] = given["Description"]
        return added

    SecurityGroupBackend._add_source_group = add_source_group  # type: ignore[method-assign]
    SecurityGroupRule.description = property(_description)  # type: ignore[assignment]


def _description(self: Any) -> str | None:
    told = self.ip_range.get("Description") or self.source_group.get("Description")
    return str(told) if told else None
