"""Policy documents of AWS: what is allowed, and which service may act in the account's name."""

from __future__ import annotations

import json
from typing import Any


def policy(*statements: dict[str, Any]) -> str:
    """Return a policy document of these statements; all allow unless they say otherwise."""
    allowed = [{"Effect": "Allow", **each} for each in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": allowed})


def trust(service: str, *, account: str = "", source: str = "") -> str:
    """Return the policy by which a service takes a role.

    Args:
        service: As in `backup`, of amazonaws.com.
        account: For whom it must be acting, lest another's resources make it act here; nobody in
            particular for machines, which cannot say.
        source: Pattern of the ARNs it must be acting for; any of the account's when empty.
    """
    condition: dict[str, Any] = {}
    if account:
        condition["StringEquals"] = {"aws:SourceAccount": account}
    if source:
        condition["ArnLike"] = {"aws:SourceArn": source}
    return policy(
        {
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sts:AssumeRole",
            **({"Condition": condition} if condition else {}),
        }
    )
