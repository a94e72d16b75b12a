"""Budgets' tags and subscribers."""

from __future__ import annotations

import json
from typing import Any

from moto.budgets.exceptions import NotFoundException
from moto.budgets.responses import BudgetsResponse

from tests.simulated_aws.extending import action_of

_IDENTITY = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
_create_budget = BudgetsResponse.create_budget
_delete_budget = BudgetsResponse.delete_budget


@action_of(BudgetsResponse)
def create_budget(self: Any) -> str:
    answer = _create_budget(self)
    budget = self.backend.budgets[self._get_param("AccountId")][_budget_name(self)].budget
    limit = budget["BudgetLimit"]
    limit["Amount"] = str(float(limit["Amount"]))  # AWS tells 250 as 250.0
    _tags(self, _arn(self, _budget_name(self))).extend(self._get_param("ResourceTags") or [])
    return answer


@action_of(BudgetsResponse)
def delete_budget(self: Any) -> str:
    answer = _delete_budget(self)
    _tags(self, _arn(self, self._get_param("BudgetName"))).clear()
    return answer


@action_of(BudgetsResponse)
def list_tags_for_resource(self: Any) -> str:
    return json.dumps({"ResourceTags": _tags(self, self._get_param("ResourceARN"))})


@action_of(BudgetsResponse)
def tag_resource(self: Any) -> str:
    new = self._get_param("ResourceTags")
    _forget(self, [each["Key"] for each in new])
    _tags(self, self._get_param("ResourceARN")).extend(new)
    return "{}"


@action_of(BudgetsResponse)
def untag_resource(self: Any) -> str:
    _forget(self, self._get_param("ResourceTagKeys"))
    return "{}"


@action_of(BudgetsResponse)
def describe_subscribers_for_notification(self: Any) -> str:
    budget = self.backend.budgets[self._get_param("AccountId")][self._get_param("BudgetName")]
    wanted = self._get_param("Notification")
    for each in budget.notifications:
        if all(each.details.get(name) == wanted.get(name) for name in _IDENTITY):
            return json.dumps({"Subscribers": each.subscribers})
    raise NotFoundException("Unable to get subscribers - the notification doesn't exist.")


def _budget_name(response: Any) -> str:
    return str(response._get_param("Budget")["BudgetName"])


def _arn(response: Any, name: str) -> str:
    return f"arn:aws:budgets::{response.current_account}:budget/{name}"


def _tags(response: Any, arn: str) -> list[dict[str, str]]:
    kept: dict[str, list[dict[str, str]]] = response.backend.__dict__.setdefault("_tags", {})
    return kept.setdefault(arn, [])


def _forget(response: Any, keys: list[str]) -> None:
    tags = _tags(response, response._get_param("ResourceARN"))
    tags[:] = [each for each in tags if each["Key"] not in keys]
