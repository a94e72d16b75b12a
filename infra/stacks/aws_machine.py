"""What every machine of an AWS region has in common, whether one by one or in a scaling group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.machines import AWS_IMAGE_PARAMETER
from infra.purchase import Purchase
from infra.stacks.aws_rights import LAYER_HOLDERS
from infra.stacks.blocks import Variable, data, resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.declaration import NodeGroup, PhaseConfig
    from infra.stacks.blocks import Block
    from infra.stacks.site import Site

ROOT_DISK = "/dev/sda1"  # as Ubuntu's images name it
AMI = "${one(concat(data.aws_ssm_parameter.image[*].insecure_value, compact([var.ami_id])))}"
KEY_NAME = "${one(aws_key_pair.operator[*].key_name)}"
# Tokens only, and no hop further: what is tricked into fetching a URL reads no credentials.
METADATA: Mapping[str, Any] = {
    "http_endpoint": "enabled",
    "http_tokens": "required",
    "http_put_response_hop_limit": 1,
}

VARIABLES = (
    Variable(
        name="ami_id",
        kind="string",
        description="Image of new nodes; the newest of AWS's deep learning images when empty.",
        default="",
        condition='var.ami_id == "" || can(regex("^ami-[0-9a-f]{8,17}$", var.ami_id))',
        problem="An image's id, such as ami-0123456789abcdef0.",
    ),
    Variable(
        name="ssh_public_key",
        kind="string",
        description="Key with which operators come in by SSH, as in ~/.ssh/id_ed25519.pub.",
        default="",
        condition='var.ssh_public_key == "" || can(regex("^(ssh|ecdsa)-", var.ssh_public_key))',
        problem="A public key in OpenSSH's format.",
    ),
)


def shared(config: PhaseConfig, region: str, site: Site) -> tuple[Block, ...]:
    """Return what the machines are made from: image, key pair, placement group."""
    image = data(
        "aws_ssm_parameter",
        "image",
        name=AWS_IMAGE_PARAMETER,
        meta={"count": '${var.ami_id == "" ? 1 : 0}'},  # a pinned image needs no look-up
    )
    key_pair = resource(
        "aws_key_pair",
        "operator",
        key_name=site.label,
        public_key="${var.ssh_public_key}",
        meta={"count": '${var.ssh_public_key == "" ? 0 : 1}'},
    )
    return (image, key_pair, *_placement(config, region, site))


def placement_of(config: PhaseConfig, role: str) -> str | None:
    """Return the placement group of a role's machines.

    Stages of a pipeline hand activations to each other at every token, so in a single zone they
    stand close together. Over several zones no such group can reach.
    """
    if config.zones_per_region > 1 or role not in LAYER_HOLDERS:
        return None
    return "${aws_placement_group.pipelines.name}"


def tenancy_of(config: PhaseConfig, group: NodeGroup) -> str | None:
    """Return `dedicated` for hardware that no other customer of AWS uses; None for any."""
    tenant = config.tenant_of(group)
    return "dedicated" if tenant and tenant.dedicated else None


def market(config: PhaseConfig) -> Mapping[str, Any] | None:
    """Return how the instances are bought; None for all but spot.

    An interrupted one ends for good: the next apply, or its group, puts another in its place.
    """
    if config.purchase is not Purchase.SPOT:
        return None
    once = {"spot_instance_type": "one-time", "instance_interruption_behavior": "terminate"}
    return {"market_type": "spot", "spot_options": once}


def first_boot(hostname: str = "") -> str:
    """Return a machine's cloud-config; the agent itself is installed by who deploys it."""
    named = [f"hostname: {hostname}"] if hostname else []
    lines = ["#cloud-config", *named, "package_update: true", "packages: [python3-venv]"]
    return "\n".join(lines) + "\n"


def _placement(config: PhaseConfig, region: str, site: Site) -> Iterator[Block]:
    if any(
        placement_of(config, group.role)
        for group in config.groups
        if group.region == region and group.maximum
    ):
        name = f"{site.label}-pipelines"
        yield resource("aws_placement_group", "pipelines", name=name, strategy="cluster")
