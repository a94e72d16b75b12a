"""Machines in AWS through boto3: against moto, and where it knows no better, told answers."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from infra.errors import PreflightError, QinfraError, RemoteError
from provision.clouds.aws_client import Clients
from provision.clouds.aws_fleet import AwsFleet
from provision.clouds.aws_scaling import PROCESSES
from provision.clouds.cloud import Cloud, Power
from provision.machines import Machine
from tests.provision.conftest import unreal_account
from tests.provision.loopback import Loopback, answer, loopback
from tests.provision.test_console import ED25519, console

EAST, WEST = "us-east-1", "us-west-2"
GROUP = "qinfra-production-us-east-1-embedding"


@pytest.fixture(scope="module", autouse=True)
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        unreal_account(tmp_path_factory.mktemp("account"), patch)
        yield


@pytest.fixture(scope="module")
def clients() -> Clients:
    return Clients()


@pytest.fixture
def told(clients: Clients) -> AwsFleet:
    """Is asked with answers that a test tells its clients."""
    return AwsFleet(clients)


@pytest.fixture
def fleet(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsFleet]:
    """An empty account; its thousand images, which take long to make, are left out."""
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with mock_aws():
        yield AwsFleet(clients, pause=lambda seconds: None)


def launched(fleet: AwsFleet, region: str, count: int = 1, **more: Any) -> list[Machine]:
    client = fleet.clients.of("ec2", region)
    image = client.register_image(Name="any")["ImageId"]
    made = client.run_instances(
        ImageId=image, InstanceType="g4dn.xlarge", MinCount=count, MaxCount=count, **more
    )
    return [
        machine(each["InstanceId"], region, name=f"worker-{number}")
        for number, each in enumerate(made["Instances"], 1)
    ]


def machine(instance: str, region: str = EAST, *, name: str = "worker-1") -> Machine:
    return Machine(name=name, role="worker", region=region, id=instance, private_ip="10.0.0.9")


def grouped(fleet: AwsFleet, count: int = 2) -> tuple[Machine, ...]:
    ec2, scaling = (fleet.clients.of(name, EAST) for name in ("ec2", "autoscaling"))
    image = ec2.register_image(Name="grouped")["ImageId"]
    template = ec2.create_launch_template(
        LaunchTemplateName=GROUP,
        LaunchTemplateData={"ImageId": image, "InstanceType": "g4dn.xlarge"},
    )["LaunchTemplate"]["LaunchTemplateId"]
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=GROUP,
        MinSize=0,
        MaxSize=9,
        DesiredCapacity=count,
        LaunchTemplate={"LaunchTemplateId": template},
        VPCZoneIdentifier=ec2.describe_subnets()["Subnets"][0]["SubnetId"],
        Tags=[{"Key": "managed_by", "Value": "qinfra", "PropagateAtLaunch": True}],
    )
    return fleet.members({"embedding": GROUP}, EAST)


def suspended(fleet: AwsFleet) -> set[str]:
    client = fleet.clients.of("autoscaling", EAST)
    (group,) = client.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])[
        "AutoScalingGroups"
    ]
    return {each["ProcessName"] for each in group["SuspendedProcesses"]}


def states(fleet: AwsFleet, machines: list[Machine] | tuple[Machine, ...]) -> list[Power]:
    powers = fleet.power(machines)
    return [powers[each.id] for each in machines]


def test_a_fleet_is_a_cloud(fleet: AwsFleet) -> None:
    cloud: Cloud = fleet
    assert cloud.power(()) == {}


def test_members_are_the_groups_machines_named_after_their_ids(fleet: AwsFleet) -> None:
    (first, second) = grouped(fleet)
    launched(fleet, EAST)
    assert {first.name, second.name} == {f"embedding-{each.id[-8:]}" for each in (first, second)}
    assert (first.role, first.region, first.group) == ("embedding", EAST, GROUP)
    assert first.private_ip
    client = fleet.clients.of("autoscaling", EAST)
    client.terminate_instance_in_auto_scaling_group(
        InstanceId=first.id, ShouldDecrementDesiredCapacity=True
    )
    assert fleet.members({"embedding": GROUP}, EAST) == (second,)
    (owned,) = fleet.members({"embedding-big-bank": GROUP}, EAST)
    assert (owned.role, owned.tenant) == ("embedding", "big-bank")
    assert owned.name == f"embedding-big-bank-{second.id[-8:]}"


def test_a_group_that_is_not_there_is_said_to_be_missing(fleet: AwsFleet) -> None:
    with pytest.raises(RemoteError, match="scaling group lost is not in us-west-2"):
        fleet.members({"worker": "lost"}, WEST)
    assert fleet.members({}, WEST) == ()


def test_members_that_end_alike_go_by_their_whole_ids(told: AwsFleet) -> None:
    ids = ("i-000000000abcdef01", "i-000000001abcdef01", "i-00000000122222222")
    with (
        Stubber(told.clients.of("autoscaling", EAST)) as scaling,
        Stubber(told.clients.of("ec2", EAST)) as ec2,
    ):
        group = {
            "AutoScalingGroupName": GROUP, "MinSize": 0, "MaxSize": 3, "DesiredCapacity": 3,
            "DefaultCooldown": 1, "AvailabilityZones": [], "HealthCheckType": "EC2",
            "CreatedTime": 0, "Instances": [
                {"InstanceId": each, "AvailabilityZone": "a", "LifecycleState": state,
                 "HealthStatus": "Healthy", "ProtectedFromScaleIn": False}
                for each, state in zip(ids, ("InService", "Pending", "InService"), strict=True)
            ],
        }  # fmt: skip
        scaling.add_response("describe_auto_scaling_groups", {"AutoScalingGroups": [group]})
        found = [
            {
                "InstanceId": each,
                "State": {"Name": "stopped"},
                "LaunchTime": 10 - number,
                "PrivateIpAddress": "10.0.0.1",
            }
            for number, each in enumerate(ids)
        ]
        ec2.add_response("describe_instances", {"Reservations": [{"Instances": found}]})
        names = [each.name for each in told.members({"embedding": GROUP}, EAST)]
    assert names == [
        "embedding-22222222",
        "embedding-000000001abcdef01",
        "embedding-000000000abcdef01",
    ]


@pytest.mark.parametrize(
    ("answers", "keys"),
    [
        ([console(f"{ED25519} root@ip")], (ED25519,)),
        (["the keys have left", console(ED25519)], (ED25519,)),
        (["UnsupportedOperation", console(ED25519)], (ED25519,)),
        ([None, None], ()),
    ],
)
def test_host_keys_come_from_the_newest_console_or_the_one_before(
    told: AwsFleet, answers: list[str | None], keys: tuple[str, ...]
) -> None:
    with Stubber(told.clients.of("ec2", EAST)) as ec2:
        for number, text in enumerate(answers):
            asked: dict[str, Any] = {"InstanceId": "i-1"} | ({} if number else {"Latest": True})
            if text == "UnsupportedOperation":
                ec2.add_client_error("get_console_output", text, expected_params=asked)
            else:
                output = (
                    {} if text is None else {"Output": base64.b64encode(text.encode()).decode()}
                )
                ec2.add_response("get_console_output", output, asked)
        assert told.host_keys(machine("i-1")) == keys
        ec2.assert_no_pending_responses()


def test_a_machine_whose_console_has_no_keys_yet_has_none(fleet: AwsFleet) -> None:
    (one,) = launched(fleet, EAST)
    assert fleet.host_keys(one) == ()


def test_machines_of_several_regions_stop_and_start(fleet: AwsFleet) -> None:
    machines = [*launched(fleet, EAST, 2), *launched(fleet, WEST)]
    assert states(fleet, machines) == [Power.RUNNING] * 3
    fleet.stop(machines[1:])
    assert states(fleet, machines) == [Power.RUNNING, Power.STOPPED, Power.STOPPED]
    fleet.start(machines)
    fleet.settle(machines, 0)
    assert states(fleet, machines) == [Power.RUNNING] * 3


def test_more_machines_than_a_call_takes_go_in_batches(fleet: AwsFleet) -> None:
    machines = launched(fleet, EAST, 101)
    fleet.stop(machines)
    assert states(fleet, machines) == [Power.STOPPED] * 101


def test_what_ec2_does_not_know_is_gone_and_does_not_start(fleet: AwsFleet) -> None:
    (one,) = launched(fleet, EAST)
    fleet.clients.of("ec2", EAST).terminate_instances(InstanceIds=[one.id])
    never = machine("i-0123456789abcdef0", name="worker-2")
    assert states(fleet, [one, never]) == [Power.GONE, Power.GONE]
    with pytest.raises(PreflightError, match=r"worker-1 in us-east-1, worker-2 in us-east-1: gone"):
        fleet.start([one, never])
    with pytest.raises(RemoteError, match="gone"):
        fleet.settle([one], 9)
    fleet.stop([one, never])


def test_a_group_leaves_its_machines_alone_from_their_stop_until_they_run(fleet: AwsFleet) -> None:
    machines = grouped(fleet)
    fleet.stop(machines)
    assert suspended(fleet) == set(PROCESSES)
    assert states(fleet, machines) == [Power.STOPPED] * 2
    fleet.start(machines)
    assert suspended(fleet) == set(PROCESSES)
    fleet.settle(machines, 9)
    assert suspended(fleet) == set()
    assert {each.id for each in fleet.members({"embedding": GROUP}, EAST)} == {
        each.id for each in machines
    }


def test_a_machine_found_unhealthy_while_it_stopped_is_not_ended_by_its_group(
    fleet: AwsFleet,
) -> None:
    machines = grouped(fleet)
    client = fleet.clients.of("autoscaling", EAST)
    fleet.stop(machines)
    client.set_instance_health(InstanceId=machines[0].id, HealthStatus="Unhealthy")
    fleet.start(machines)
    fleet.settle(machines, 9)
    found = client.describe_auto_scaling_instances()["AutoScalingInstances"]
    assert {each["HealthStatus"].lower() for each in found} == {"healthy"}


def test_a_group_with_another_machine_that_stands_still_is_not_resumed(fleet: AwsFleet) -> None:
    machines = grouped(fleet)
    fleet.stop(machines)
    fleet.start(machines[:1])
    with pytest.raises(RemoteError, match=f"would end {machines[1].id}, which does not run"):
        fleet.settle(machines[:1], 9)
    assert suspended(fleet) == set(PROCESSES)


def test_the_wait_for_machines_ends(fleet: AwsFleet) -> None:
    machines = grouped(fleet)
    fleet.stop(machines)
    waited: list[float] = []
    fleet.pause, fleet.clock = waited.append, lambda: sum(waited)
    with pytest.raises(RemoteError, match="not running after 12 s"):
        fleet.settle(machines, 12)
    assert waited == [5, 5, 2]
    assert suspended(fleet) == set(PROCESSES)


def test_a_spot_instance_is_not_stopped_and_nothing_beside_it(fleet: AwsFleet) -> None:
    machines = grouped(fleet)
    (spot,) = launched(fleet, EAST, InstanceMarketOptions={"MarketType": "spot"})
    with pytest.raises(PreflightError, match="spot instance of a one-time request") as raised:
        fleet.stop([*machines, spot])
    assert "on demand" in raised.value.hint
    assert states(fleet, machines) == [Power.RUNNING] * 2
    assert not suspended(fleet)


@pytest.mark.parametrize(
    ("state", "act", "reason"),
    [
        ("pending", AwsFleet.stop, "worker-1 in us-east-1: still starting"),
        ("stopping", AwsFleet.start, "worker-1 in us-east-1: still stopping"),
    ],
)
def test_a_machine_in_between_is_asked_nothing(
    told: AwsFleet, state: str, act: Callable[[AwsFleet, list[Machine]], None], reason: str
) -> None:
    with Stubber(told.clients.of("ec2", EAST)) as ec2:
        found = [{"InstanceId": "i-1", "State": {"Name": state}}]
        ec2.add_response("describe_instances", {"Reservations": [{"Instances": found}]})
        with pytest.raises(PreflightError, match=reason):
            act(told, [machine("i-1")])


DENIED = "no permission for {} in us-east-1"
ACTS: dict[str, Callable[[AwsFleet], object]] = {
    "ec2:DescribeInstances": lambda fleet: fleet.power([machine("i-1")]),
    "ec2:GetConsoleOutput": lambda fleet: fleet.host_keys(machine("i-1")),
    "autoscaling:DescribeAutoScalingGroups": lambda fleet: fleet.members({"a": "b"}, EAST),
}


def ec2_error(code: str) -> str:
    return f"<Response><Errors>{_error(code)}</Errors></Response>"


def scaling_error(code: str) -> str:
    return f"<ErrorResponse>{_error(code)}</ErrorResponse>"


def _error(code: str) -> str:
    return f"<Error><Code>{code}</Code><Message>no</Message></Error>"


@pytest.fixture(scope="module")
def refusing() -> Iterator[tuple[Loopback, AwsFleet]]:
    with loopback() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", server.url)
        fleet = AwsFleet()
        for service in ("ec2", "autoscaling"):
            fleet.clients.of(service, EAST)
        yield server, fleet


@pytest.mark.parametrize("action", ACTS)
@pytest.mark.parametrize(
    ("code", "status", "exit_code", "reason", "hint"),
    [
        ("UnauthorizedOperation", 403, 5, "no permission for {}", "Allow {}"),
        ("AuthFailure", 401, 3, "{}: An error occurred (AuthFailure)", "aws sso login"),
        ("InternalError", 400, 5, "{}: An error occurred (InternalError)", ""),
        ("", 200, 5, "{}: an answer that makes no sense", ""),
    ],
)
def test_a_refusal_is_told_in_a_line(
    refusing: tuple[Loopback, AwsFleet],
    action: str,
    code: str,
    status: int,
    exit_code: int,
    reason: str,
    hint: str,
) -> None:
    body = {"ec2": ec2_error, "autoscaling": scaling_error}[action.split(":")[0]](code)
    headers = {"content-type": "text/xml"}
    server, fleet = refusing
    server.replies = [answer(body if code else "<html>", status=status, headers=headers)]
    with pytest.raises(QinfraError) as raised:
        ACTS[action](fleet)
    where = f"{action} in us-east-1"
    assert raised.value.exit_code == exit_code
    assert str(raised.value).startswith(reason.format(where))
    assert hint.format(where) in raised.value.hint
    assert "\n" not in str(raised.value)


def test_throttling_is_tried_again_and_then_told(refusing: tuple[Loopback, AwsFleet]) -> None:
    server, fleet = refusing
    server.replies = [answer(ec2_error("RequestLimitExceeded"), status=503)]
    server.requests.clear()
    with pytest.raises(RemoteError, match="RequestLimitExceeded") as raised:
        fleet.power([machine("i-1")])
    assert len(server.requests) == 3
    assert raised.value.hint == "Wait a minute, and run it again."
