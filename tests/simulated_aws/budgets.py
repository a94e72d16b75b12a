"""Budgets: tags, and who is told."""

from __future__ import annotations

import json
from typing import Any

from moto.budgets.responses import BudgetsResponse

_tags: dict[str, list[dict[str, str]]] = {}
_SAME = ("NotificationType", "ComparisonOperator", "Threshold")


def fill() -> None:
    """Answer what moto does not."""
    create = BudgetsResponse.create_budget

    def create_budget(self: Any) -> Any:
        answer = create(self)
        name = self._get_param("Budget")["BudgetName"]
        arn = f"arn:aws:budgets::{self.current_account}:budget/{name}"
        _tags[arn] = self._get_param("ResourceTags") or []
        return answer

    BudgetsResponse.create_budget = create_budget
    BudgetsResponse.list_tags_for_resource = _list_tags
    BudgetsResponse.tag_resource = _tag
    BudgetsResponse.untag_resource = _untag
    BudgetsResponse.describe_subscribers_for_notification = _subscribers


def _arn(self: Any) -> str:
    return str(self._get_param("ResourceARN") or self._get_param("ResourceArn"))


def _list_tags(self: Any) -> str:
    return json.dumps({"ResourceTags": _tags.get(_arn(self), [])})


def _tag(self: Any) -> str:
    _tags.setdefault(_arn(self), []).extend(self._get_param("ResourceTags") or [])
    return "{}"


def _untag(self: Any) -> str:
    gone = set(self._get_param("ResourceTagKeys") or [])
    _tags[_arn(self)] = [each for each in _tags.get(_arn(self), []) if each["Key"] not in gone]
    return "{}"


def _subscribers(self: Any) -> str:
    budgets = self.backend.budgets[self._get_param("AccountId")]
    wanted = self._get_param("Notification")
    for each in budgets[self._get_param("BudgetName")].notifications:
        if all(each.details.get(key) == wanted.get(key) for key in _SAME):
            return json.dumps({"Subscribers": each.subscribers})
    return json.dumps({"Subscribers": []})
