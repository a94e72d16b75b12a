"""EC2's security groups: what a rule is described as is no part of what it lets pass."""

from __future__ import annotations

from inspect import signature
from typing import Any

from moto.ec2.models.security_groups import SecurityGroupRule

_begin = SecurityGroupRule.__init__
_PARTNERS = ("source_group", "prefix_list_id")


def _with_description(*arguments: Any, **named: Any) -> None:
    """Put a description where moto looks for one: with the addresses, also when there are none."""
    given = signature(_begin).bind(*arguments, **named)
    for name in _PARTNERS:
        partner = dict(given.arguments.get(name) or {})
        if said := partner.pop("Description", None):
            given.arguments |= {name: partner, "ip_range": {"Description": said}}
    _begin(*given.args, **given.kwargs)


SecurityGroupRule.__init__ = _with_description  # type: ignore[method-assign]
