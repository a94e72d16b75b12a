"""RDS's parameter groups: what was set is told as a user's."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.rds.models import DBParameterGroup
from moto.rds.responses import RDSResponse

from tests.simulated_aws.extending import action_of

_describe_db_parameters = RDSResponse.describe_db_parameters
_update_parameters = DBParameterGroup.update_parameters


@action_of(DBParameterGroup)
def update_parameters(self: Any, new_parameters: list[dict[str, Any]]) -> None:
    _update_parameters(self, [{**each, "Source": "user"} for each in new_parameters])


@action_of(RDSResponse)
def describe_db_parameters(self: Any) -> ActionResult:
    answer = _describe_db_parameters(self)
    return ActionResult({"Parameters": list(answer.result["Parameters"])})  # type: ignore[index]
