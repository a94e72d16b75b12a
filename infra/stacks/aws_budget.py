"""An alarm on what a deployment costs, from the cloud's own accounting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.stacks.aws_alarms import ALARM_EMAIL
from infra.stacks.blocks import Variable, resource
from infra.stacks.site import Part

if TYPE_CHECKING:
    from infra.declaration import PhaseConfig
    from infra.stacks.site import Site

_LIMIT = Variable(
    name="budget_usd",
    kind="number",
    description="What the deployment may cost in a month, all regions together; 0 sets no budget.",
    default=0,
    condition="var.budget_usd >= 0",
    problem="A budget is not negative.",
)
_WARN_AT_PERCENT = 80  # of the limit, while there is time to act


def budget(config: PhaseConfig, region: str, site: Site) -> Part:
    """Return the phase's budget, in the stack of its first region: it counts all of them.

    It counts what carries the deployment's tag, once the account lets costs be told apart by
    `qinfra_deployment`; until then it sees nothing. The cloud refuses a notification that nobody
    gets, so without an address there is none.
    """
    if region != config.regions[0]:
        return Part(blocks=())
    notification = {
        "for_each": '${var.alarm_email == "" ? [] : ["ACTUAL", "FORECASTED"]}',
        "content": {
            "comparison_operator": "GREATER_THAN",
            "notification_type": "${notification.value}",
            "threshold": f'${{notification.value == "ACTUAL" ? {_WARN_AT_PERCENT} : 100}}',
            "threshold_type": "PERCENTAGE",
            "subscriber_email_addresses": [ALARM_EMAIL.ref],
        },
    }
    block = resource(
        "aws_budgets_budget",
        "month",
        name=site.short,
        budget_type="COST",
        time_unit="MONTHLY",
        limit_amount="${tostring(var.budget_usd)}",
        limit_unit="USD",
        cost_filter=[
            {
                "name": "TagKeyValue",
                "values": ['${format("user:qinfra_deployment$%s", var.deployment)}'],
            }
        ],
        meta={
            "count": "${var.budget_usd > 0 ? 1 : 0}",
            "dynamic": {"notification": notification},
        },
    )
    return Part(blocks=(block,), variables=(ALARM_EMAIL, _LIMIT))
