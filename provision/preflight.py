"""What is asked before anything is changed: this machine, the bill and the cloud, all at once."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from infra.cost.estimate import CostReport
    from infra.declaration import PhaseConfig
    from provision.doctor import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is to be deployed.

    Attributes:
        cost: Of the configuration.
        deployment: Its name; what its machines use already, it may use. Empty for a new one.
        values: Of the stacks' variables, as far as they are given.
    """

    config: PhaseConfig
    cost: CostReport
    deployment: str = ""
    values: Mapping[str, object] = field(default_factory=dict)


def checks_of(subject: Subject, budget: Decimal | None, timeout_seconds: float) -> list[Check]:
    """Return every check of a phase.

    Args:
        subject: What is to be deployed.
        budget: Most that a month may cost; None without one.
        timeout_seconds: Longest wait for one answer.
    """
    from provision.local_preflight import ThisMachine, bill_checks

    local = ThisMachine(os.environ).checks() + bill_checks(subject.cost, budget)
    return local + _cloud_checks(subject, timeout_seconds)


def _cloud_checks(subject: Subject, timeout_seconds: float) -> list[Check]:
    if subject.config.cloud == "gcp":
        from provision.clouds.gcp_preflight import gcp_account

        account = gcp_account(subject.config, subject.deployment, timeout_seconds, subject.values)
        return account.checks()
    from provision.clouds.aws_client import READ_SECONDS, Clients
    from provision.clouds.aws_preflight import AwsAccount

    clients = Clients(min(READ_SECONDS, timeout_seconds))
    pinned = str(subject.values.get("ami_id", ""))
    return AwsAccount(subject.config, clients, subject.deployment, pinned).checks()
