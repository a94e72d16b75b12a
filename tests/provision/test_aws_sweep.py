"""What carries our tag in an account, against moto, and which of it belongs to nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from infra.errors import RemoteError
from provision.clouds.aws_client import Clients
from provision.clouds.aws_copies import owners_of_copies
from provision.clouds.aws_fleet import AwsFleet
from provision.clouds.aws_sweep import _found
from provision.clouds.cloud import Found
from provision.sweep import ids_in, orphans
from tests.provision.conftest import unreal_account
from tests.provision.loopback import answer, loopback

EAST, WEST = "us-east-1", "eu-west-1"
TAGS = [
    {"Key": "managed_by", "Value": "qinfra"},
    {"Key": "qinfra_deployment", "Value": "first"},
]
ACCOUNT = "123456789012"
GROUP = "qinfra-production-eu-west-1-worker"


@pytest.fixture(scope="module", autouse=True)
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        unreal_account(tmp_path_factory.mktemp("account"), patch)
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        yield


@pytest.fixture(scope="module")
def clients() -> Clients:
    return Clients()


@pytest.fixture
def fleet(clients: Clients) -> Iterator[AwsFleet]:
    with mock_aws():
        yield AwsFleet(clients)


def worn(*kinds: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": TAGS} for kind in kinds]


def instances(client: Any, count: int) -> list[str]:
    image = client.register_image(Name="any")["ImageId"]
    made = client.run_instances(
        ImageId=image, InstanceType="g4dn.xlarge", MinCount=count, MaxCount=count,
        TagSpecifications=worn("instance", "volume"),
    )  # fmt: skip
    return [each["InstanceId"] for each in made["Instances"]]


def fill(fleet: AwsFleet) -> dict[str, str]:
    """Make a bit of everything in the West; return ids of what is not gone, by its kind."""
    of = fleet.clients.of
    ec2 = of("ec2", WEST)
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    live, ended = instances(ec2, 2)
    ec2.terminate_instances(InstanceIds=[ended])
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=worn("elastic-ip"))
    kept, deleted = (
        ec2.create_nat_gateway(
            SubnetId=subnet, ConnectivityType="private", TagSpecifications=worn("natgateway")
        )["NatGateway"]["NatGatewayId"]
        for _ in range(2)
    )
    ec2.delete_nat_gateway(NatGatewayId=deleted)
    volume = ec2.create_volume(
        AvailabilityZone=f"{WEST}a", Size=9, TagSpecifications=worn("volume")
    )["VolumeId"]
    copy = ec2.create_snapshot(VolumeId=volume, TagSpecifications=worn("snapshot"))["SnapshotId"]
    group = of("elbv2", WEST).create_load_balancer(
        Name="front", Subnets=[subnet], Type="network", Tags=TAGS
    )["LoadBalancers"][0]["LoadBalancerArn"]
    keys = [of("kms", WEST).create_key(Tags=kms_tags())["KeyMetadata"] for _ in range(2)]
    of("kms", WEST).schedule_key_deletion(KeyId=keys[1]["KeyId"])
    return {
        "ec2:instance": arn(f"instance/{live}"),
        "ec2:elastic-ip": arn(f"elastic-ip/{address['AllocationId']}"),
        "ec2:natgateway": arn(f"natgateway/{kept}"),
        "ec2:snapshot": arn(f"snapshot/{copy}"),
        "elasticloadbalancing:loadbalancer": group,
        "kms:key": keys[0]["Arn"],
    }


def kms_tags() -> list[dict[str, str]]:
    return [{"TagKey": each["Key"], "TagValue": each["Value"]} for each in TAGS]


def arn(rest: str, service: str = "ec2") -> str:
    return f"arn:aws:{service}:{WEST}:{ACCOUNT}:{rest}"


def scaled(fleet: AwsFleet, count: int) -> str:
    of = fleet.clients.of
    ec2 = of("ec2", WEST)
    image = ec2.register_image(Name="scaled")["ImageId"]
    template = ec2.create_launch_template(
        LaunchTemplateName=GROUP,
        LaunchTemplateData={"ImageId": image, "InstanceType": "g4dn.xlarge"},
    )["LaunchTemplate"]["LaunchTemplateId"]
    client = of("autoscaling", WEST)
    client.create_auto_scaling_group(
        AutoScalingGroupName=GROUP, MinSize=0, MaxSize=9, DesiredCapacity=count,
        LaunchTemplate={"LaunchTemplateId": template},
        VPCZoneIdentifier=ec2.describe_subnets()["Subnets"][0]["SubnetId"],
        Tags=[{**each, "PropagateAtLaunch": True} for each in TAGS],
    )  # fmt: skip
    return str(client.describe_auto_scaling_groups()["AutoScalingGroups"][0]["AutoScalingGroupARN"])


def test_a_sweep_finds_what_costs_money_and_nothing_that_is_gone(fleet: AwsFleet) -> None:
    made = fill(fleet)
    fleet.clients.of("ec2", WEST).create_volume(AvailabilityZone=f"{WEST}a", Size=1)  # not ours
    found = fleet.tagged([WEST])
    of_kind: dict[str, list[str]] = {}
    for each in found:
        of_kind.setdefault(each.kind, []).append(each.id)
    assert len(of_kind.pop("ec2:volume")) == 2
    assert of_kind == {kind: [name] for kind, name in made.items()}
    assert {(each.region, each.deployment) for each in found} == {(WEST, "first")}


def test_a_sweep_finds_what_belongs_to_no_region(fleet: AwsFleet) -> None:
    iam = fleet.clients.of("iam", EAST)
    for name, tags in (("qinfra-mvp-worker", TAGS), ("qinfra-theirs", []), ("other", TAGS)):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}", Tags=tags)
        iam.create_instance_profile(InstanceProfileName=name, Tags=tags)
    fleet.clients.of("sns", EAST).create_topic(Name="alarms", Tags=TAGS)
    assert [(each.kind, each.region, each.id.rpartition(":")[2]) for each in fleet.tagged([])] == [
        ("iam:instance-profile", "", "instance-profile/qinfra-mvp-worker"),
        ("iam:role", "", "role/qinfra-mvp-worker"),
        ("sns:topic", EAST, "alarms"),
    ]


def test_machines_of_a_group_and_their_disks_are_held_with_it(fleet: AwsFleet) -> None:
    group = scaled(fleet, 2)
    (single,) = instances(fleet.clients.of("ec2", WEST), 1)
    found = fleet.tagged([WEST])
    kinds = [each.kind for each in found]
    assert kinds == ["autoscaling:group", *["ec2:instance"] * 3, "ec2:volume"]
    assert orphans(found, {group, single}) == ()
    assert [each.kind for each in orphans(found, {group})] == ["ec2:instance", "ec2:volume"]
    assert len(orphans(found, {single})) == 3
    assert orphans(found, ()) == found


def test_a_database_copy_goes_with_its_database(fleet: AwsFleet) -> None:
    rds = fleet.clients.of("rds", WEST)
    rds.create_db_instance(
        DBInstanceIdentifier="data", Engine="postgres", DBInstanceClass="db.t3.micro",
        MasterUsername="any", MasterUserPassword="anything", AllocatedStorage=9, Tags=TAGS,
    )  # fmt: skip
    rds.create_db_snapshot(DBSnapshotIdentifier="weekly", DBInstanceIdentifier="data", Tags=TAGS)
    found = fleet.tagged([WEST])
    assert {each.kind for each in found} == {"rds:db", "rds:snapshot"}
    assert orphans(found, {arn("db:data", "rds")}) == ()
    rds.delete_db_instance(DBInstanceIdentifier="data", SkipFinalSnapshot=True)
    assert [each.kind for each in orphans(fleet.tagged([WEST]), ())] == ["rds:snapshot"]


def test_copies_go_with_their_database_or_their_vault(clients: Clients) -> None:
    database, vault = arn("db:data", "rds"), arn("backup-vault:kept", "backup")
    backup, point = arn("auto-backup:ab-1", "rds"), arn("recovery-point:1", "backup")
    with (
        Stubber(clients.of("rds", WEST)) as rds,
        Stubber(clients.of("backup", WEST)) as vaults,
    ):
        told = {"DBInstanceAutomatedBackupsArn": backup, "DBInstanceArn": database}
        rds.add_response(
            "describe_db_instance_automated_backups", {"DBInstanceAutomatedBackups": [told]}
        )
        vaults.add_response(
            "list_recovery_points_by_backup_vault",
            {"RecoveryPoints": [{"RecoveryPointArn": point, "ResourceArn": "any"}]},
            {"BackupVaultName": "kept"},
        )
        listed = [_found(each, {}) for each in (vault, backup, point)]
        owners = owners_of_copies(clients, WEST, listed)
    assert owners == {backup: database, point: vault}


def test_a_sweep_that_may_not_see_everything_says_nothing(
    fleet: AwsFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = json.dumps({"__type": "AccessDeniedException", "message": "no"})
    headers = {"content-type": "application/x-amz-json-1.1"}
    with loopback(answer(denied, status=400, headers=headers)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API", server.url)
        with pytest.raises(RemoteError) as raised:
            AwsFleet().tagged([WEST])
    assert str(raised.value).startswith("no permission for tag:GetResources in ")
    assert raised.value.hint.startswith("Allow tag:GetResources")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (arn("security-group/sg-1"), "ec2:security-group"),
        (arn("loadbalancer/app/a/1", "elasticloadbalancing"), "elasticloadbalancing:loadbalancer"),
        (arn("log-group:/qinfra/a:*", "logs"), "logs:log-group"),
        (arn("global/webacl/a/1", "wafv2"), "wafv2:webacl"),
        ("arn:aws:s3:::qinfra-mvp", "s3:bucket"),
        ("arn:aws:route53:::healthcheck/1", "route53:healthcheck"),
        ("arn:aws:cloudfront::1:distribution/E1", "cloudfront:distribution"),
    ],
)
def test_kinds_are_read_off_names(name: str, kind: str) -> None:
    assert _found(name, {}).kind == kind


@pytest.mark.parametrize("node", ["cache-a-001", "cache-a-0001-002"])
def test_a_caches_node_goes_with_its_group(node: str) -> None:
    found = _found(arn(f"cluster:{node}", "elasticache"), {})
    assert orphans((found,), {arn("replicationgroup:cache-a", "elasticache")}) == ()


def thing(name: str, owner: str = "") -> Found:
    return Found(kind="any", id=name, region=WEST, deployment="first", owner=owner)


@pytest.mark.parametrize(
    ("found", "held", "is_orphan"),
    [
        (thing(arn("instance/i-0123456789abcdef0")), {"i-0123456789abcdef0"}, False),
        (thing(arn("instance/i-0123456789abcdef0")), {"i-0123456789abcdef1"}, True),
        (thing(arn("log-group:/a", "logs")), {arn("log-group:/a:*", "logs")}, False),
        (thing(arn("log-group:/a:*", "logs")), {arn("log-group:/a", "logs")}, False),
        (thing("arn:aws:iam::1:role/qinfra-a"), {"qinfra-a"}, True),  # a name alone is any region's
        (thing("projects/p/zones/z/disks/d"), {"projects/p/zones/z/disks/d"}, False),
        (thing("a", owner="b"), {"b"}, False),
        (thing("a", owner="a"), {"b"}, True),
    ],
)
def test_what_a_state_holds_is_no_orphan(found: Found, held: set[str], is_orphan: bool) -> None:
    assert orphans((found,), held) == ((found,) if is_orphan else ())


def test_a_state_holds_what_it_manages_and_not_what_it_looks_at() -> None:
    link = "https://www.googleapis.com/compute/v1/projects/p/zones/z/disks/d"
    state = {
        "version": 4,
        "resources": [
            {"mode": "managed", "instances": [{"attributes": {
                "arn": arn("instance/i-0123456789abcdef0"), "volumes": ["vol-0123456789abcdef0"],
                "self_link": link, "name": "qinfra-mvp", "count": 3, "none": None,
            }}]},
            {"mode": "data", "instances": [{"attributes": {"id": "ami-0123456789abcdef0"}}]},
        ],
    }  # fmt: skip
    assert ids_in(state) == {
        arn("instance/i-0123456789abcdef0"),
        "vol-0123456789abcdef0",
        "projects/p/zones/z/disks/d",
    }
