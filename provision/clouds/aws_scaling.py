"""Scaling groups of AWS, which may be told to leave their machines alone for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.errors import RemoteError
from provision.clouds.aws_words import at, pages, told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provision.clouds.aws_client import Clients

# All by which a group would put others in the place of stopped machines, or end these.
PROCESSES = (
    "Launch", "Terminate", "HealthCheck", "ReplaceUnhealthy", "AlarmNotification", "AZRebalance",
    "ScheduledActions",
)  # fmt: skip
_MEMBERS = ("InService", "Pending", "Pending:Wait", "Pending:Proceed")
_AT_ONCE = 50  # DescribeAutoScalingGroups takes up to 100 names and gives 50 of them a page


def scaling_groups(
    clients: Clients, region: str, names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return groups by their name, as AWS describes them.

    Raises:
        RemoteError: One is not there.
    """
    with told(at("autoscaling:DescribeAutoScalingGroups", region)):
        found = {
            str(group["AutoScalingGroupName"]): group
            for start in range(0, len(names), _AT_ONCE)
            for group in pages(
                clients.of("autoscaling", region),
                "describe_auto_scaling_groups",
                "AutoScalingGroups",
                AutoScalingGroupNames=list(names[start : start + _AT_ONCE]),
            )
        }
    for name in names:
        if name not in found:
            raise RemoteError(
                f"scaling group {name} is not in {region}",
                hint="Deploy again: Terraform puts back what was removed by hand.",
            )
    return found


def scaling_group(clients: Clients, region: str, name: str) -> dict[str, Any]:
    """Return one group; raises as `scaling_groups`."""
    return scaling_groups(clients, region, (name,))[name]


def is_member(instance: Mapping[str, Any]) -> bool:
    """Return whether a group's instance is in service or about to be; others leave it."""
    return instance["LifecycleState"] in _MEMBERS


def suspend(clients: Clients, region: str, name: str) -> None:
    """Tell a group to leave its machines alone and start no others."""
    with told(at("autoscaling:SuspendProcesses", region)):
        clients.of("autoscaling", region).suspend_processes(
            AutoScalingGroupName=name, ScalingProcesses=list(PROCESSES)
        )


def resume(clients: Clients, region: str, name: str, members: Sequence[Mapping[str, Any]]) -> None:
    """Let a group whose machines all run go on.

    A look at a machine's health that had begun before the group was suspended may have found it
    stopping. What runs is called healthy again first, or the group would end it.
    """
    client = clients.of("autoscaling", region)
    for member in members:
        if is_member(member) and member["HealthStatus"] != "Healthy":
            with told(at("autoscaling:SetInstanceHealth", region)):
                client.set_instance_health(InstanceId=member["InstanceId"], HealthStatus="Healthy")
    with told(at("autoscaling:ResumeProcesses", region)):
        client.resume_processes(AutoScalingGroupName=name, ScalingProcesses=list(PROCESSES))
