"""EC2's machines: the image they start from, the group they stand in, the keys they tell."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from moto.core.responses import ActionResult, EmptyResult
from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response
from moto.ssm.models import Parameter, ParameterDict

IMAGE_PARAMETER = (
    "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id"
)
IMAGE = "ami-1e749f67"  # an Ubuntu that moto has in every region
_groups: dict[tuple[str, str], dict[str, Any]] = {}
_host_keys: dict[str, tuple[str, ...]] = {}


def fill() -> None:
    """Answer what moto does not."""
    check = ParameterDict._check_loading_status

    def check_loading_status(self: Any, key: str) -> None:
        if str(key or "") == IMAGE_PARAMETER and not dict.__contains__(self, IMAGE_PARAMETER):
            dict.__setitem__(self, IMAGE_PARAMETER, [_image(self.account_id)])
        check(self, key)

    run = EC2Response.run_instances

    def run_instances(self: Any) -> Any:
        """Let a machine stand in its placement group, and wear the groups of its interface."""
        answer = run(self)
        for instance in answer.result.instances:
            instance.placement.group_name = self._get_param("Placement.GroupName") or ""
            if not instance.security_groups:
                instance.security_groups = list(instance.nics[0].group_set)
        return answer

    ParameterDict._check_loading_status = check_loading_status
    EC2Response.run_instances = run_instances
    EC2Response.create_placement_group = _create_group
    EC2Response.describe_placement_groups = _describe_groups
    EC2Response.delete_placement_group = _delete_group
    EC2Response.get_console_output = _console


def _image(account_id: str) -> Parameter:
    return Parameter(
        account_id=account_id, name=IMAGE_PARAMETER, value=IMAGE, parameter_type="String",
        description=None, allowed_pattern=None, keyid=None, last_modified_date=utcnow(),
        version=1, data_type="text",
    )  # fmt: skip


def _create_group(self: Any) -> ActionResult:
    name = self._get_param("GroupName")
    if (self.region, name) in _groups:
        raise EC2ClientError("InvalidPlacementGroup.Duplicate", f"'{name}' already exists.")
    tags = self._parse_tag_specification().get("placement-group", {})
    arn = f"arn:aws:ec2:{self.region}:{self.current_account}:placement-group/{name}"
    group = {
        "GroupName": name,
        "State": "available",
        "Strategy": self._get_param("Strategy"),
        "GroupId": f"pg-{len(_groups):017x}",
        "GroupArn": arn,
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }
    _groups[self.region, name] = group
    return ActionResult({"PlacementGroup": group})


def _describe_groups(self: Any) -> ActionResult:
    names = self._get_param("GroupNames", [])
    here = {name: group for (region, name), group in _groups.items() if region == self.region}
    if missing := [name for name in names if name not in here]:
        raise EC2ClientError(
            "InvalidPlacementGroup.Unknown", f"The Placement Group '{missing[0]}' is unknown."
        )
    return ActionResult({"PlacementGroups": [here[name] for name in names or here]})


def _delete_group(self: Any) -> EmptyResult:
    _groups.pop((self.region, self._get_param("GroupName")), None)
    return EmptyResult()


def _console(self: Any) -> ActionResult:
    """A first boot of Ubuntu, as cloud-init ends it."""
    instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
    keys = _host_keys.setdefault(instance.id, _fresh_keys())
    lines = [
        "[    0.000000] Linux version 6.8.0-1018-aws",
        "ci-info: no authorized SSH keys fingerprints found for user ubuntu.",
        "-----BEGIN SSH HOST KEY KEYS-----",
        *(f"{key} root@{instance.id}" for key in keys),
        "-----END SSH HOST KEY KEYS-----",
        "[   31.337] cloud-init[1337]: Cloud-init v. 24.4 finished",
    ]
    return ActionResult(
        {
            "InstanceId": instance.id,
            "Timestamp": utcnow(),
            "Output": Base64EncodedString.from_raw_string("\r\n".join(lines) + "\r\n"),
        }
    )


def _fresh_keys() -> tuple[str, ...]:
    keys = (ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate())
    return tuple(
        key.public_key()
        .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        .decode()
        for key in keys
    )
