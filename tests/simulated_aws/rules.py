"""Rules of security groups: what they are for, also when they name another group."""

from __future__ import annotations

from typing import Any

from moto.ec2.models.security_groups import SecurityGroupRule


def fill() -> None:
    """Tell the description of a rule whose source is a group, which moto keeps and does not."""
    SecurityGroupRule.description = property(_description)  # type: ignore[assignment]


def _description(self: Any) -> str | None:
    told = self.ip_range.get("Description") or self.source_group.get("Description")
    return str(told) if told else None
