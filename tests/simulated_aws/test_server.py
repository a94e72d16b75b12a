"""What the simulated AWS promises beyond moto, asked as clients ask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from infra.machines import AWS_IMAGE_PARAMETER
from tests.simulated_aws.leftovers import client
from tests.simulated_aws.running import refuse, simulated_aws

_HOST_KEYS = re.compile(
    r"-----BEGIN SSH HOST KEY KEYS-----\r?\n(.*)-----END SSH HOST KEY KEYS-----", re.DOTALL
)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with simulated_aws(tmp_path_factory.mktemp("aws")) as environment:
        yield environment


def started(ec2: Any, count: int = 1) -> list[str]:
    made = ec2.run_instances(ImageId="ami-1", MinCount=count, MaxCount=count)["Instances"]
    return [each["InstanceId"] for each in made]


def host_keys(ec2: Any, instance: str) -> list[str]:
    text = ec2.get_console_output(InstanceId=instance)["Output"]
    found = _HOST_KEYS.search(text)
    assert found is not None, text
    return found[1].split("\r\n")[:-1]


def test_each_machine_tells_keys_of_its_own_and_always_the_same(aws: dict[str, str]) -> None:
    ec2 = client(aws, "ec2", "us-east-1")
    first, second = started(ec2, 2)
    keys = host_keys(ec2, first)
    assert {line.split()[0] for line in keys} == {"ssh-ed25519", "ecdsa-sha2-nistp256"}
    for line in keys:
        load_ssh_public_key(line.encode())
        assert re.fullmatch(r"root@ip-[0-9-]+", line.split()[2])
    assert host_keys(ec2, first) == keys
    assert not set(host_keys(ec2, second)) & set(keys)


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_the_parameter_of_the_image_leads_to_an_image(aws: dict[str, str], region: str) -> None:
    image = client(aws, "ssm", region).get_parameter(Name=AWS_IMAGE_PARAMETER)["Parameter"]["Value"]
    (found,) = client(aws, "ec2", region).describe_images(ImageIds=[image])["Images"]
    assert found["RootDeviceName"] == "/dev/sda1"


def test_what_is_not_simulated_is_refused_at_once(aws: dict[str, str]) -> None:
    with pytest.raises(ClientError) as refused:
        client(aws, "ec2", "us-east-1").describe_capacity_reservations()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert refused.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_a_machine_is_refused_when_a_test_asks_for_it(aws: dict[str, str]) -> None:
    refuse(aws, action="RunInstances", code="InsufficientInstanceCapacity", after=1)
    ec2 = client(aws, "ec2", "us-east-1")
    assert started(ec2)
    with pytest.raises(ClientError, match="InsufficientInstanceCapacity"):
        started(ec2)
    assert started(ec2)


def test_of_many_who_write_one_lock_a_single_one_gets_it(aws: dict[str, str]) -> None:
    s3 = client(aws, "s3", "us-east-1")
    s3.create_bucket(Bucket="states")

    def locks(owner: int) -> int:
        try:
            s3.put_object(
                Bucket="states", Key="x.tflock", Body=str(owner).encode(), IfNoneMatch="*"
            )
        except ClientError as error:
            return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        return 200

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(locks, range(8))) == [200, *[412] * 7]
    s3.delete_object(Bucket="states", Key="x.tflock")
    assert locks(9) == 200


def test_tags_end_with_what_wears_them(aws: dict[str, str]) -> None:
    ec2 = client(aws, "ec2", "us-east-1")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    (group,) = (each["GroupId"] for each in groups["SecurityGroups"])
    ec2.create_tags(Resources=[vpc, group], Tags=[{"Key": "worn", "Value": "yes"}])
    worn = [{"Name": "key", "Values": ["worn"]}]
    assert len(ec2.describe_tags(Filters=worn)["Tags"]) == 2
    ec2.delete_vpc(VpcId=vpc)
    assert ec2.describe_tags(Filters=worn)["Tags"] == []
