"""What is asked before anything is changed: this machine, the bill and the cloud, all at once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from infra.cost.estimate import CostReport
    from infra.declaration import PhaseConfig
    from provision.doctor import Check


def checks_of(
    config: PhaseConfig,
    cost: CostReport,
    budget: Decimal | None,
    timeout_seconds: float,
    values: Mapping[str, object],
) -> list[Check]:
    """Return every check of a phase.

    Args:
        config: The phase.
        cost: Of the same.
        budget: Most that a month may cost; None without one.
        timeout_seconds: Longest wait for one answer.
        values: Of the stacks' variables, as far as they are given.
    """
    from provision.clouds.aws_preflight import AwsAccount
    from provision.local_preflight import ThisMachine, bill_checks, google_checks

    local = ThisMachine(os.environ).checks() + bill_checks(cost, budget)
    if config.cloud == "aws":
        return local + AwsAccount(config, timeout_seconds, str(values.get("ami_id", ""))).checks()
    return local + google_checks(config)
