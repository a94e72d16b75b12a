"""What EC2 says of an instance: where it stands, and what its first boot wrote to the console."""

from __future__ import annotations

import base64
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from tests.simulated_aws.extending import action_of

_run_instances = EC2Response.run_instances


@action_of(EC2Response)
def run_instances(self: Any) -> ActionResult:
    """As moto's, with the placement group that was asked for, and the first interface's groups."""
    answer = _run_instances(self)
    for instance in answer.result.instances:  # type: ignore[attr-defined]
        instance.placement.group_name = self._get_param("Placement.GroupName") or ""
        instance.security_groups = list(instance.nics[0].group_set)
    return answer


@action_of(EC2Response)
def get_console_output(self: Any) -> ActionResult:
    """The end of cloud-init's first boot: its host keys, the same at every call."""
    instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
    text = instance.__dict__.setdefault("_console", _first_boot(instance.private_ip))
    return ActionResult(
        {
            "InstanceId": instance.id,
            "Timestamp": instance.launch_time,
            "Output": base64.b64encode(text.encode()).decode(),
        }
    )


def _first_boot(private_ip: str) -> str:
    host = f"root@ip-{private_ip.replace('.', '-')}"
    keys = (ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate())
    lines = (
        "[    0.000000] Linux version 6.8.0-1040-aws (buildd@lcy02-amd64-059)",
        "[   14.210532] cloud-init[1193]: Generating public/private ed25519 key pair.",
        "-----BEGIN SSH HOST KEY KEYS-----",
        *(f"{_line(each.public_key())} {host}" for each in keys),
        "-----END SSH HOST KEY KEYS-----",
        "[   18.754120] cloud-init[1402]: Cloud-init v. 25.1.4 finished. Datasource DataSourceEc2.",
        "",
        f"Ubuntu 24.04.1 LTS {host.removeprefix('root@')} ttyS0",
    )
    return "\r\n".join(lines) + "\r\n"


def _line(key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> str:
    openssh = serialization.PublicFormat.OpenSSH
    return key.public_bytes(serialization.Encoding.OpenSSH, openssh).decode()
