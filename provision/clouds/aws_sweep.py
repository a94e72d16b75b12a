"""All in an AWS account that carries our tag, whether or not anyone still knows of it.

The tagging API knows most kinds, but not scaling groups and roles, and for hours it lists machines
and disks that are gone. So whatever costs money by itself in EC2 is asked for where it lives, and
of those kinds the tagging API's word does not count.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from provision.clouds.aws_copies import owners_of_copies
from provision.clouds.aws_words import DEPLOYMENT_TAG, OWNER_TAG, at, pages, tags_of, told
from provision.clouds.cloud import Found

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from provision.clouds.aws_client import Clients

_HOME = "us-east-1"  # where what belongs to no region is listed
_PREFIX = "qinfra-"  # of the names of roles and profiles, whose tags are read one by one
_GROUP_TAG = "aws:autoscaling:groupName"
_BARE = {"s3": "bucket", "sns": "topic"}  # kinds whose ARN does not name them
_SCOPES = ("regional", "global")  # stand before the kind in a WAF's ARN
# Asked for below, or listed for long after their end and gone with what they are part of.
_NOT_BY_TAG = {
    "ec2:instance", "ec2:volume", "ec2:elastic-ip", "ec2:natgateway", "ec2:snapshot",
    "ec2:vpc-endpoint", "ec2:network-interface", "ec2:spot-instances-request",
    "elasticloadbalancing:listener", "elasticloadbalancing:listener-rule",
}  # fmt: skip
_KEY_STAYS = ("Enabled", "Disabled", "Creating", "Updating", "PendingImport", "Unavailable")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """How EC2 lists a kind of thing.

    Attributes:
        key: Of its id.
        owner: Kind and key of what it goes with, if any.
        gone: Its states in which it costs nothing any more.
    """

    name: str
    operation: str
    answer: str
    key: str
    owner: tuple[str, str] = ("", "")
    gone: tuple[str, ...] = ()
    filters: str = "Filters"


_KINDS = (
    _Kind(
        name="volume",
        operation="describe_volumes",
        answer="Volumes",
        key="VolumeId",
        gone=("deleting", "deleted"),
    ),
    _Kind(
        name="natgateway",
        operation="describe_nat_gateways",
        answer="NatGateways",
        key="NatGatewayId",
        gone=("deleting", "deleted", "failed"),
        filters="Filter",
    ),
    _Kind(
        name="vpc-endpoint",
        operation="describe_vpc_endpoints",
        answer="VpcEndpoints",
        key="VpcEndpointId",
        gone=("deleting", "deleted"),
    ),
    _Kind(
        name="snapshot",
        operation="describe_snapshots",
        answer="Snapshots",
        key="SnapshotId",
        owner=("volume", "VolumeId"),
    ),
)


def tagged_in(clients: Clients, regions: Sequence[str]) -> tuple[Found, ...]:
    """Return what carries our tag in regions and in none, save what is about to be deleted.

    Raises:
        PreflightError: Credentials are missing, expired or invalid.
        RemoteError: A part could not be read. A sweep that saw half says nothing.
    """
    with told("sts:GetCallerIdentity"):
        who = clients.of("sts", _HOME).get_caller_identity()
        partition, account = who["Arn"].split(":")[1], who["Account"]
    places = [
        _Place(clients=clients, region=region, partition=partition, account=account)
        for region in dict.fromkeys((*regions, _HOME))
    ]
    with ThreadPoolExecutor(len(places) + 1) as pool:
        asked = [pool.submit(place.found) for place in places]
        asked.append(pool.submit(lambda: list(_identities(clients))))
        parts = [future.result() for future in asked]
    found = {each.id: each for part in parts for each in part}
    return tuple(sorted(found.values(), key=lambda each: (each.region, each.kind, each.id)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    clients: Clients
    region: str
    partition: str
    account: str

    def found(self) -> list[Found]:
        groups = dict(self._groups())
        listed = list(self._listed())
        owners = owners_of_copies(self.clients, self.region, listed)
        listed = [replace(each, owner=owners.get(each.id, each.owner)) for each in listed]
        return [
            *(each for each in listed if each.kind != "kms:key" or self._key_stays(each.id)),
            *groups.values(),
            *self._instances(groups),
            *self._addresses(),
            *(each for kind in _KINDS for each in self._of_kind(kind)),
        ]

    def _listed(self) -> Iterator[Found]:
        name, value = OWNER_TAG
        with told(at("tag:GetResources", self.region)):
            client = self.clients.of("resourcegroupstaggingapi", self.region)
            asked = [{"Key": name, "Values": [value]}]
            for each in pages(client, "get_resources", "ResourceTagMappingList", TagFilters=asked):
                found = _found(str(each["ResourceARN"]), each)
                if found.kind not in _NOT_BY_TAG:
                    yield found

    def _groups(self) -> Iterator[tuple[str, Found]]:
        with told(at("autoscaling:DescribeAutoScalingGroups", self.region)):
            client = self.clients.of("autoscaling", self.region)
            for each in pages(
                client, "describe_auto_scaling_groups", "AutoScalingGroups", Filters=[_tag_filter()]
            ):
                if not each.get("Status"):  # else it is being deleted
                    found = _found(str(each["AutoScalingGroupARN"]), each)
                    name = str(each["AutoScalingGroupName"])
                    yield name, replace(found, kind="autoscaling:group")

    def _instances(self, groups: Mapping[str, Found]) -> Iterator[Found]:
        states = {
            "Name": "instance-state-name",
            "Values": ["pending", "running", "stopping", "stopped"],
        }
        with told(at("ec2:DescribeInstances", self.region)):
            client = self.clients.of("ec2", self.region)
            for reservation in pages(
                client, "describe_instances", "Reservations", Filters=[_tag_filter(), states]
            ):
                for each in reservation["Instances"]:
                    group = tags_of(each).get(_GROUP_TAG, "")
                    found = _found(self._arn("instance", each["InstanceId"]), each)
                    yield replace(found, owner=groups[group].id if group in groups else group)

    def _addresses(self) -> Iterator[Found]:
        with told(at("ec2:DescribeAddresses", self.region)):
            client = self.clients.of("ec2", self.region)
            for each in client.describe_addresses(Filters=[_tag_filter()])["Addresses"]:
                yield _found(self._arn("elastic-ip", each["AllocationId"]), each)

    def _of_kind(self, kind: _Kind) -> Iterator[Found]:
        action = "".join(part.title() for part in kind.operation.split("_"))
        with told(at(f"ec2:{action}", self.region)):
            client = self.clients.of("ec2", self.region)
            asked: dict[str, Any] = {kind.filters: [_tag_filter()]}
            for each in pages(client, kind.operation, kind.answer, **asked):
                if each.get("State", "").lower() not in kind.gone:
                    found = _found(self._arn(kind.name, each[kind.key]), each)
                    yield replace(found, owner=self._owner(kind, each))

    def _owner(self, kind: _Kind, thing: Mapping[str, Any]) -> str:
        """Return what a thing goes with: a disk with its machine, a copy with what it is of."""
        if attached := thing.get("Attachments"):
            return self._arn("instance", attached[0]["InstanceId"])
        name, key = kind.owner
        return self._arn(name, thing[key]) if name else ""

    def _key_stays(self, arn: str) -> bool:
        from botocore.exceptions import ClientError

        with told(at("kms:DescribeKey", self.region)):
            try:
                answer = self.clients.of("kms", self.region).describe_key(KeyId=arn)
            except ClientError as error:
                if error.response["Error"]["Code"] == "NotFoundException":
                    return False
                raise
            return answer["KeyMetadata"]["KeyState"] in _KEY_STAYS

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:{self.partition}:ec2:{self.region}:{self.account}:{kind}/{name}"


def _identities(clients: Clients) -> Iterator[Found]:
    """Yield roles and their profiles: free, but in the way of who makes them again."""
    with told("iam:ListRoles"):
        client = clients.of("iam", _HOME)
    for kind, listing, describe in (
        ("Role", "list_roles", client.get_role),
        ("InstanceProfile", "list_instance_profiles", client.get_instance_profile),
    ):
        with told(f"iam:List{kind}s"):
            names = [str(each[f"{kind}Name"]) for each in pages(client, listing, f"{kind}s")]
        for name in names:
            if name.startswith(_PREFIX):
                with told(f"iam:Get{kind}"):
                    each = describe(**{f"{kind}Name": name})[kind]
                if tags_of(each).get(OWNER_TAG[0]) == OWNER_TAG[1]:
                    yield _found(str(each["Arn"]), each)


def _found(arn: str, thing: Mapping[str, Any]) -> Found:
    _, _, service, region, _, rest = arn.split(":", 5)
    kind = _kind(service, rest)
    return Found(
        kind=f"{service}:{kind}",
        id=arn,
        region=region,
        deployment=tags_of(thing).get(DEPLOYMENT_TAG, ""),
        owner=_group_of_cache(arn) if kind == "cluster" and service == "elasticache" else "",
    )


def _kind(service: str, rest: str) -> str:
    first, *others = rest.replace("/", ":").split(":")
    if not others:
        return _BARE.get(service, first)
    return others[0] if first in _SCOPES else first


def _group_of_cache(arn: str) -> str:
    """Return the group that a cache's node is of: AWS names nodes `<group>-001`, or `-0001-001`."""
    head, _, name = arn.rpartition(":")
    group = name.rpartition("-")[0]
    shard = group.rpartition("-")
    if len(shard[2]) == 4 and shard[2].isdigit():
        group = shard[0]
    return f"{head.rpartition(':')[0]}:replicationgroup:{group}"


def _tag_filter() -> dict[str, Any]:
    name, value = OWNER_TAG
    return {"Name": f"tag:{name}", "Values": [value]}
