"""Machines in AWS: who they are, what they do, and how they stop and start again."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.errors import PreflightError, RemoteError
from provision.clouds.aws_client import Clients
from provision.clouds.aws_scaling import is_member, resume, scaling_group, scaling_groups, suspend
from provision.clouds.aws_sweep import tagged_in
from provision.clouds.aws_words import at, pages, told
from provision.clouds.cloud import Found, Power
from provision.clouds.console import host_keys_in
from provision.machines import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_AT_ONCE = 100  # a filter takes 200 values; starting and stopping is advised to go in batches
_SHORT = 8  # digits of an instance's id that tell it from the others of its region
_POWERS = {
    "pending": Power.STARTING,
    "running": Power.RUNNING,
    "stopping": Power.STOPPING,
    "stopped": Power.STOPPED,
    "shutting-down": Power.GONE,
    "terminated": Power.GONE,
}
_LOOK_SECONDS = 5.0
_AGAIN = "Run it again in a minute."
_LISTED = 3  # machines named in a message


@dataclass(slots=True)
class AwsFleet:
    """The machines of the account behind the credentials in force; a `Cloud`.

    Attributes:
        pause: Waits some seconds.
        clock: Seconds that only grow.
    """

    clients: Clients = field(default_factory=Clients)
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def members(self, groups: Mapping[str, str], region: str) -> tuple[Machine, ...]:
        """Return the machines of scaling groups, in the order they were started; stopped ones too.

        They are named as in `embedding-3f0a91c2`, by the end of their id: a number would pass to
        another machine once the group has shrunk.

        Args:
            groups: A group's name for each role, and for `ROLE-TENANT` where a tenant has its own.
            region: Where the groups are.

        Raises:
            RemoteError: A group is not there.
        """
        nodes_of = {name: nodes for nodes, name in groups.items()}
        group_of = {
            str(member["InstanceId"]): name
            for name, group in scaling_groups(self.clients, region, list(nodes_of)).items()
            for member in group["Instances"]
            if is_member(member)
        }
        alive = [
            each
            for each in self._instances(region, list(group_of))
            if _power_of(each) is not Power.GONE
        ]
        ends = Counter(each["InstanceId"][-_SHORT:] for each in alive)
        with told(at("ec2:DescribeInstances", region)):
            alive.sort(key=lambda each: (each["LaunchTime"], each["InstanceId"]))
            return tuple(
                _member(each, nodes_of[group], region, group, ends)
                for each in alive
                for group in (group_of[each["InstanceId"]],)
            )

    def host_keys(self, machine: Machine) -> tuple[str, ...]:
        """Return a machine's public host keys from its console; empty until they are there.

        Only machines on Nitro give their newest output, and on a talkative one the keys may have
        left it; what EC2 recorded after the boot is asked for next.
        """
        return self._console_keys(machine, Latest=True) or self._console_keys(machine)

    def power(self, machines: Sequence[Machine]) -> Mapping[str, Power]:
        """Return what each machine does, by its id; one that EC2 has forgotten is gone."""
        return _powers(machines, self._facts(machines))

    def start(self, machines: Sequence[Machine]) -> None:
        """Ask that stopped machines run; returns before they do.

        Groups stay suspended, as they would end what does not run yet: `settle` is to follow.

        Raises:
            PreflightError: A machine is still stopping, or gone. None was started then.
        """
        powers = self.power(machines)
        _refuse(
            _that(machines, powers, Power.GONE), "gone", "Deploy, to have others in their place."
        )
        _refuse(_that(machines, powers, Power.STOPPING), "still stopping", _AGAIN)
        for region, ids in _batches(_that(machines, powers, Power.STOPPED)):
            with told(at("ec2:StartInstances", region)):
                self.clients.of("ec2", region).start_instances(InstanceIds=ids)

    def stop(self, machines: Sequence[Machine]) -> None:
        """Ask that running machines stop, once their groups are told to leave them alone.

        Raises:
            PreflightError: A machine is a spot instance, or still starting. None was stopped then.
        """
        facts = self._facts(machines)
        powers = _powers(machines, facts)
        spot = {name for name, each in facts.items() if each.get("InstanceLifecycle") == "spot"}
        _refuse(
            [each for each in machines if each.id in spot and powers[each.id] is not Power.GONE],
            "a spot instance of a one-time request, which EC2 cannot stop",
            "Destroy the deployment instead, or buy its machines on demand.",
        )
        _refuse(_that(machines, powers, Power.STARTING), "still starting", _AGAIN)
        for region, group in _groups_of(machines):
            suspend(self.clients, region, group)
        for region, ids in _batches(_that(machines, powers, Power.RUNNING)):
            with told(at("ec2:StopInstances", region)):
                self.clients.of("ec2", region).stop_instances(InstanceIds=ids)

    def settle(self, machines: Sequence[Machine], timeout_seconds: float) -> None:
        """Wait until machines run, then let their groups scale as before.

        Raises:
            RemoteError: One does not run in time or is gone, or another of its group does not run,
                which the group would end. All groups stay suspended then.
        """
        self._wait(machines, timeout_seconds)
        groups = {
            place: list(scaling_group(self.clients, *place)["Instances"])
            for place in _groups_of(machines)
        }
        for (region, name), members in groups.items():
            self._refuse_stopped(region, name, members)
        for (region, name), members in groups.items():
            resume(self.clients, region, name, members)

    def tagged(self, regions: Sequence[str]) -> tuple[Found, ...]:
        """Return all that carries our tag in these regions and in none.

        What is being deleted, or is scheduled to be, is left out.
        """
        return tagged_in(self.clients, regions)

    def _instances(self, region: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return instances; by a filter, which leaves out unknown ones instead of failing."""
        with told(at("ec2:DescribeInstances", region)):
            client = self.clients.of("ec2", region)
            return [
                instance
                for batch in _portions(ids)
                for reservation in pages(
                    client,
                    "describe_instances",
                    "Reservations",
                    Filters=[{"Name": "instance-id", "Values": batch}],
                )
                for instance in reservation["Instances"]
            ]

    def _facts(self, machines: Sequence[Machine]) -> dict[str, dict[str, Any]]:
        return {
            str(instance["InstanceId"]): instance
            for region, ids in _ids_by_region(machines).items()
            for instance in self._instances(region, ids)
        }

    def _console_keys(self, machine: Machine, **how: Any) -> tuple[str, ...]:  # noqa: ANN401 - as boto3's
        with told(at("ec2:GetConsoleOutput", machine.region)):
            from botocore.exceptions import ClientError

            client = self.clients.of("ec2", machine.region)
            try:
                answer = client.get_console_output(InstanceId=machine.id, **how)
            except ClientError as error:
                if how and error.response["Error"]["Code"] == "UnsupportedOperation":
                    return ()
                raise
            return host_keys_in(answer.get("Output") or "")

    def _wait(self, machines: Sequence[Machine], timeout_seconds: float) -> None:
        ends_at = self.clock() + timeout_seconds
        while True:
            powers = self.power(machines)
            if gone := _that(machines, powers, Power.GONE):
                raise RemoteError(
                    f"{_named(gone)}: gone", hint="Deploy, to have others in their place."
                )
            waiting = [each for each in machines if powers[each.id] is not Power.RUNNING]
            if not waiting:
                return
            left = ends_at - self.clock()
            if left <= 0:
                raise RemoteError(
                    f"{_named(waiting)}: not running after {timeout_seconds:g} s",
                    hint="Run it again; what runs by then is left alone.",
                )
            self.pause(min(_LOOK_SECONDS, left))

    def _refuse_stopped(
        self, region: str, group: str, members: Sequence[Mapping[str, Any]]
    ) -> None:
        ids = [str(each["InstanceId"]) for each in members if is_member(each)]
        stopped = [
            each["InstanceId"]
            for each in self._instances(region, ids)
            if _power_of(each) in (Power.STOPPING, Power.STOPPED)
        ]
        if stopped:
            raise RemoteError(
                f"scaling group {group} in {region} would end {', '.join(stopped[:_LISTED])}, "
                "which does not run",
                hint="Start all machines of the group first.",
            )


def _member(
    instance: Mapping[str, Any], nodes: str, region: str, group: str, ends: Mapping[str, int]
) -> Machine:
    name = str(instance["InstanceId"])
    short = name[-_SHORT:]
    role, _, tenant = nodes.partition("-")
    return Machine(
        name=f"{nodes}-{short if ends[short] == 1 else name.removeprefix('i-')}",
        role=role,
        region=region,
        id=name,
        private_ip=str(instance["PrivateIpAddress"]),
        public_ip=str(instance.get("PublicIpAddress", "")),
        group=group,
        tenant=tenant,
    )


def _powers(
    machines: Sequence[Machine], facts: Mapping[str, Mapping[str, Any]]
) -> dict[str, Power]:
    return {
        each.id: _power_of(facts[each.id]) if each.id in facts else Power.GONE for each in machines
    }


def _power_of(instance: Mapping[str, Any]) -> Power:
    with told("ec2:DescribeInstances"):
        return _POWERS[instance["State"]["Name"]]


def _that(machines: Sequence[Machine], powers: Mapping[str, Power], power: Power) -> list[Machine]:
    return [each for each in machines if powers[each.id] is power]


def _refuse(machines: Sequence[Machine], what: str, hint: str) -> None:
    if machines:
        raise PreflightError(f"{_named(machines)}: {what}", hint=hint)


def _named(machines: Sequence[Machine]) -> str:
    names = [f"{each.name} in {each.region}" for each in machines[:_LISTED]]
    more = len(machines) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _ids_by_region(machines: Sequence[Machine]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for machine in machines:
        found.setdefault(machine.region, []).append(machine.id)
    return found


def _batches(machines: Sequence[Machine]) -> Iterator[tuple[str, list[str]]]:
    for region, ids in _ids_by_region(machines).items():
        for batch in _portions(ids):
            yield region, batch


def _portions(ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield list(ids[start : start + _AT_ONCE])


def _groups_of(machines: Sequence[Machine]) -> list[tuple[str, str]]:
    """Return each group of the machines once, with its region."""
    return list(dict.fromkeys((each.region, each.group) for each in machines if each.group))
