"""The mvp, from nothing to machines and back, by the command line against a simulated AWS.

The tests of this file are one story, in order: each begins where the one before has ended.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulated_aws.running import Operator, refuse, simulated_aws

pytestmark = pytest.mark.timeout(600)
DEPLOY = ("deploy", "--phase", "mvp", "--yes", "--skip-rollout")
PRIVATE_ROLES = ("embedding", "oracle", "transformer")


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    folder = tmp_path_factory.mktemp("aws")
    with simulated_aws(folder) as environment:
        yield Operator(folder=folder, environment=environment)


@pytest.fixture(scope="module")
def ec2(operator: Operator) -> Any:
    boto3 = pytest.importorskip("boto3", reason="speaks to AWS")
    return boto3.client(
        "ec2",
        endpoint_url=operator.environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )


def machine_ids(ec2: Any, node: str = "*") -> list[str]:
    found = ec2.describe_instances(
        Filters=[
            {"Name": "tag:qinfra_node", "Values": [node]},
            {"Name": "instance-state-name", "Values": ["running", "stopped"]},
        ]
    )
    return sorted(each["InstanceId"] for r in found["Reservations"] for each in r["Instances"])


def saved_plans(operator: Operator) -> list[Path]:
    return list((operator.folder / ".qinfra").rglob("*.tfplan"))


def test_without_a_person_it_asks_for_yes_and_makes_nothing(operator: Operator, ec2: Any) -> None:
    done = operator.types("deploy", "--phase", "mvp", "--skip-rollout", code=2)
    assert "Hint: Run `qinfra deploy --phase mvp --skip-rollout --yes`" in done.stderr
    assert machine_ids(ec2) == []
    assert not (operator.folder / ".qinfra" / "mvp").exists()


def test_an_interrupted_deploy_says_what_stands_and_what_that_costs(operator: Operator) -> None:
    said = operator.interrupts(*DEPLOY, when=" still creating ", with_signal=signal.SIGINT)
    assert "until the state is written and its lock free" in said
    assert "resources stand" in said
    assert "USD an hour" in said
    assert "to go on:  qinfra deploy --phase mvp --name mvp --skip-rollout" in said
    assert "to undo:   qinfra destroy --name mvp" in said


def test_one_that_is_killed_leaves_terraform_to_end_and_to_free_its_state(
    operator: Operator,
) -> None:
    operator.interrupts(*DEPLOY, when=" still ", with_signal=signal.SIGKILL)
    state = operator.folder / ".qinfra" / ".stacks" / "mvp" / "stacks" / "mvp-us-east-1"
    lock = state / ".terraform.tfstate.lock.info"
    assert lock.exists()
    ends_at = time.monotonic() + 300
    while lock.exists():
        assert time.monotonic() < ends_at
        time.sleep(1)


def test_the_same_command_goes_on_to_the_end(operator: Operator, ec2: Any) -> None:
    made = operator.asks(*DEPLOY)
    machines = {each["name"]: each for each in made["machines"]}
    assert len(machines) == 6
    assert sorted(each["id"] for each in machines.values()) == machine_ids(ec2)
    assert machines["orchestrator-1"]["public_ip"]
    assert not any(machines[f"{role}-1"]["public_ip"] for role in PRIVATE_ROLES)
    known = (operator.folder / ".qinfra" / "mvp" / "known_hosts").read_text()
    for each in machines.values():
        assert any(key.startswith("ssh-ed25519 ") for key in each["host_keys"])
        assert f"{each['private_ip']} {each['host_keys'][0]}" in known


def test_once_more_there_is_nothing_to_do(operator: Operator) -> None:
    assert operator.asks(*DEPLOY, "--purchase", "reserved-3y-no")["action"] == "nothing"
    assert saved_plans(operator) == []
    back = operator.asks("plan", "--phase", "mvp", "--purchase", "reserved-1y-no")["cost"]
    assert float(back["delta_usd"]) > 0
    operator.types(*DEPLOY, "--purchase", "reserved-1y-no")
    plan = operator.asks("plan", "--phase", "mvp", "--detailed-exitcode")
    assert plan["nothing_to_do"]
    assert plan["cost"]["delta_usd"] == "0.00" or float(plan["cost"]["delta_usd"]) == 0


def test_a_quota_that_runs_out_is_told_with_the_way_on_and_back(operator: Operator) -> None:
    refuse(operator.environment, action="RunInstances", code="VcpuLimitExceeded")
    done = operator.types("scale", "--role", "transformer", "--to", "3", "--yes", code=5)
    assert "aws_instance.transformer_3 failed creating" in done.stderr
    assert "6 machines among them" in done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert "VcpuLimitExceeded" in error
    assert "back with `qinfra destroy --name mvp`" in done.stderr
    assert saved_plans(operator) == []


def test_a_node_more_is_all_that_a_scale_plans(operator: Operator, ec2: Any) -> None:
    before = machine_ids(ec2)
    done = operator.types("scale", "--role", "transformer", "--to", "3", "--yes")
    assert "mvp-us-east-1  1    0       0        0" in done.stderr
    assert set(before) < set(machine_ids(ec2))
    back = operator.types("scale", "--role", "transformer", "--to", "model", "--yes")
    assert "destroy  aws_instance.transformer_3" in back.stderr
    assert machine_ids(ec2) == before


def test_what_a_hand_has_changed_is_found_and_put_right(operator: Operator, ec2: Any) -> None:
    assert not operator.asks("drift")["drifted"]
    (gone,) = machine_ids(ec2, "oracle-1")
    (tagged,) = machine_ids(ec2, "embedding-1")
    ec2.terminate_instances(InstanceIds=[gone])
    ec2.create_tags(Resources=[tagged], Tags=[{"Key": "by-hand", "Value": "yes"}])
    drifted = {each["address"]: each for each in operator.asks("drift", code=2)["resources"]}
    assert drifted["aws_instance.oracle_1"]["gone"]
    (field,) = drifted["aws_instance.embedding_1"]["fields"]
    assert (field["path"], field["before"], field["after"]) == ("tags.by-hand", "nothing", "yes")
    operator.types(*DEPLOY)
    assert not operator.asks("drift")["drifted"]


def test_machines_rest_and_wake(operator: Operator, ec2: Any) -> None:
    stopped = operator.asks("stop", "--yes")
    assert stopped["reserved"]
    assert stopped["saved_usd_per_hour"] == "0"
    states = {each["power"] for each in operator.asks("status", code=5)["machines"]}
    assert states == {"stopped"}
    assert operator.asks(*DEPLOY)["action"] == "nothing"
    operator.types("start")
    assert {each["power"] for each in operator.asks("status")["machines"]} == {"running"}


def test_what_no_state_knows_of_is_swept_up(operator: Operator, ec2: Any) -> None:
    assert operator.asks("sweep", "--region", "us-east-1")["orphans"] == []
    tags = [{"Key": "managed_by", "Value": "qinfra"}, {"Key": "qinfra_deployment", "Value": "lost"}]
    volume = ec2.create_volume(
        AvailabilityZone="us-east-1a", Size=8,
        TagSpecifications=[{"ResourceType": "volume", "Tags": tags}],
    )["VolumeId"]  # fmt: skip
    (orphan,) = operator.asks("sweep", "--region", "us-east-1", code=2)["orphans"]
    assert orphan["id"].endswith(volume)
    assert orphan["deployment"] == "lost"
    ec2.delete_volume(VolumeId=volume)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("deploy", "--phase", "mvp", "--target", "local"), 2, "stands on aws"),
        (("plan", "--phase", "production", "--name", "mvp"), 2, "deployment mvp is phase mvp"),
        (("scale", "--role", "transfromer", "--to", "2", "--yes"), 2, "'transformer'"),
        (("scale", "--role", "transformer", "--to", "many", "--yes"), 2, "is no number"),
        (("ask", "hello"), 2, "no agents run on them"),
        (("logs",), 2, "no agents run on them"),
        (("destroy",), 2, "nobody is here"),
        ((*DEPLOY, "--budget", "100"), 4, "budget"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(
    operator: Operator, ec2: Any, arguments: tuple[str, ...], code: int, message: str
) -> None:
    before = machine_ids(ec2)
    done = operator.types(*arguments, code=code)
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert message in error
    assert machine_ids(ec2) == before


def test_what_is_on_no_record_is_not_forgotten(operator: Operator) -> None:
    record = operator.folder / ".qinfra" / "mvp"
    aside = record.rename(operator.folder / "aside")
    done = operator.types("destroy", "--name", "mvp", "--yes", code=2)
    assert "mvp is not on record, and " in done.stderr
    aside.rename(record)


def test_in_the_end_nothing_is_left(operator: Operator, ec2: Any) -> None:
    assert operator.asks("destroy", "--yes") == {"deployment": "mvp", "destroyed": True}
    assert machine_ids(ec2) == []
    ours = [{"Name": "tag:managed_by", "Values": ["qinfra"]}]
    assert ec2.describe_vpcs(Filters=ours)["Vpcs"] == []
    assert ec2.describe_addresses(Filters=ours)["Addresses"] == []
    assert not (operator.folder / ".qinfra").exists()
    again = operator.types("destroy", "--name", "mvp", "--yes")
    assert "nothing to destroy" in again.stdout
