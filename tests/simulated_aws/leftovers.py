"""What is still in an account, and would still be billed, or in the way of the next deployment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import boto3


def leftovers(environ: Mapping[str, str], region: str) -> list[str]:
    """Return what is left of a deployment in a region, each as its service names it.

    An account is new for each module of tests, so all that is there is the deployment's, save what
    every region begins with.
    """
    return sorted({*_tagged(environ, region), *_untagged(environ, region)})


def client(environ: Mapping[str, str], service: str, region: str) -> Any:
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=environ["AWS_ENDPOINT_URL"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
    )


def _tagged(environ: Mapping[str, str], region: str) -> Iterator[str]:
    ec2 = client(environ, "ec2", region)
    gone = set(_gone(ec2))
    named = [{"Name": "key", "Values": ["qinfra_deployment"]}]
    for page in ec2.get_paginator("describe_tags").paginate(Filters=named):
        yield from (tag["ResourceId"] for tag in page["Tags"] if tag["ResourceId"] not in gone)
    tagging = client(environ, "resourcegroupstaggingapi", region)
    for page in tagging.get_paginator("get_resources").paginate(
        TagFilters=[{"Key": "qinfra_deployment"}]
    ):
        for found in page["ResourceTagMappingList"]:
            arn = found["ResourceARN"]
            if arn.rpartition("/")[2] not in gone and not _is_ending_key(environ, arn, region):
                yield arn


def _gone(ec2: Any) -> Iterator[str]:
    """Yield what AWS shows for a while after its end."""
    for reservation in ec2.describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] == "terminated":
                yield instance["InstanceId"]
    for gateway in ec2.describe_nat_gateways()["NatGateways"]:
        if gateway["State"] == "deleted":
            yield gateway["NatGatewayId"]


def _is_ending_key(environ: Mapping[str, str], arn: str, region: str) -> bool:
    """Whether it is a key that waits to be deleted, as AWS lets none go at once."""
    if ":kms:" not in arn:
        return False
    key = client(environ, "kms", region).describe_key(KeyId=arn)["KeyMetadata"]
    return bool(key["KeyState"] == "PendingDeletion")


def _untagged(environ: Mapping[str, str], region: str) -> Iterator[str]:
    ec2 = client(environ, "ec2", region)
    yield from (each["VpcId"] for each in ec2.describe_vpcs()["Vpcs"] if not each["IsDefault"])
    yield from (each["VolumeId"] for each in ec2.describe_volumes()["Volumes"])
    yield from (each["PublicIp"] for each in ec2.describe_addresses()["Addresses"])
    buckets = client(environ, "s3", region).list_buckets()["Buckets"]
    yield from (each["Name"] for each in buckets)
    iam = client(environ, "iam", region)
    yield from (each["Arn"] for each in iam.list_roles()["Roles"])
    yield from (each["Arn"] for each in iam.list_instance_profiles()["InstanceProfiles"])
    aliases = client(environ, "kms", region).list_aliases()["Aliases"]
    yield from (each["AliasName"] for each in aliases if "/aws/" not in each["AliasName"])
    logs = client(environ, "logs", region).describe_log_groups()["logGroups"]
    yield from (each["logGroupName"] for each in logs)
