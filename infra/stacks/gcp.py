"""The demo on Google Cloud: a stack for each region, with three machines in the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.errors import ConfigError
from infra.purchase import Purchase
from infra.roles import NodeRole
from infra.stacks.blocks import Output, Provider, Stack, Variable, resource
from infra.stacks.gcp_network import Names, network, tag
from infra.stacks.names import LONGEST_DEPLOYMENT
from infra.stacks.site import Part

if TYPE_CHECKING:
    from infra.declaration import NodeGroup, PhaseConfig
    from infra.stacks.blocks import Block

GOOGLE_VERSION = "6.50.0"  # the one that the schemas are of

_PROJECT = Variable(
    name="project",
    kind="string",
    description="Id of the Google Cloud project that pays",
    default="",
    condition='can(regex("^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))',
    problem="Set the environment variable TF_VAR_project to the id of a Google Cloud project.",
)
_DEPLOYMENT = Variable(
    name="deployment",
    kind="string",
    description="Prefix and label of all that is made, so that two deployments share a project",
    default="qinfra",
    condition='can(regex("^[a-z][a-z0-9-]*$", var.deployment)) && '
    f"length(var.deployment) <= {LONGEST_DEPLOYMENT}",
    problem=f"deployment must be at most {LONGEST_DEPLOYMENT} lower case letters, digits and "
    "dashes, a letter first.",
)
_IMAGE = Variable(
    name="image",
    kind="string",
    description="Image of new nodes, or its family: an image pins them to it. Nodes that stand "
    "keep theirs. The agents need Python 3.11",
    default="projects/debian-cloud/global/images/family/debian-12",
)
_PROTECTION = Variable(
    name="deletion_protection",
    kind="bool",
    description="Whether the cloud refuses to delete nodes",
    default=False,
    protects=True,
)

# OS Login asks IAM who may log in, so no key lies in metadata; a node's host keys are read from
# its guest attributes before the first connection.
_METADATA = {
    "block-project-ssh-keys": "TRUE",
    "enable-guest-attributes": "TRUE",
    "enable-oslogin": "TRUE",
    "serial-port-enable": "FALSE",
}
_STEADY = {
    "provisioning_model": "STANDARD",
    "automatic_restart": True,
    "on_host_maintenance": "MIGRATE",
}
_SPOT = {
    "provisioning_model": "SPOT",
    "preemptible": True,
    "automatic_restart": False,
    "on_host_maintenance": "TERMINATE",
    "instance_termination_action": "STOP",
}
_KEPT = ["boot_disk[0].initialize_params[0].image"]  # a family's next image replaces no node


def gcp_stacks(config: PhaseConfig) -> tuple[Stack, ...]:
    """Return a stack for each region of a phase, with its network and its nodes.

    Raises:
        ConfigError: The phase runs on another cloud.
    """
    if config.cloud != "gcp":
        raise ConfigError(f"the phase {config.phase} runs on {config.cloud}, not on gcp")
    return tuple(_region(config, region) for region in config.regions)


def _region(config: PhaseConfig, region: str) -> Stack:
    label = f"{_DEPLOYMENT.ref}-{config.phase}-{region}"
    groups = tuple(group for group in config.groups if group.region == region and group.count)
    roles = tuple(group.role for group in groups)
    mark = (
        f"managed_by=qinfra qinfra_deployment={_DEPLOYMENT.ref} "
        f"qinfra_phase={config.phase} qinfra_region={region}"
    )
    names = Names(label=label, mark=mark)
    ground = network(names, region, roles, nat=bool(config.services.nat_gateways))
    fleet = _Nodes(config, region, label).part(groups)
    zone = _zone(region)
    return Stack(
        name=f"{config.phase}-{region}",
        provider=Provider(
            name="google",
            version=GOOGLE_VERSION,
            arguments={"project": _PROJECT.ref, "region": region, "zone": zone.ref},
        ),
        blocks=ground.blocks + fleet.blocks,
        outputs=(Output(name="region", value=region, description="Region"), *fleet.outputs),
        variables=(_PROJECT, _DEPLOYMENT, zone, *ground.variables, *fleet.variables),
    )


def _zone(region: str) -> Variable:
    return Variable(
        name="zone",
        kind="string",
        description="Zone of the nodes, and of nothing else",
        default=f"{region}-b",  # us-east1 and europe-west1 have no zone a
        condition=f'can(regex("^{region}-[a-z]$", var.zone))',
        problem=f"zone must be one of {region}, as {region}-b.",
    )


class _Nodes:
    def __init__(self, config: PhaseConfig, region: str, label: str) -> None:
        self._region, self._label = region, label
        self._labels = {
            "managed_by": "qinfra",
            "qinfra_deployment": _DEPLOYMENT.ref,
            "qinfra_phase": config.phase.value,
        }
        self._scheduling = _SPOT if config.purchase is Purchase.SPOT else _STEADY

    def part(self, groups: tuple[NodeGroup, ...]) -> Part:
        blocks: list[Block] = []
        said = {}
        for group in groups:
            for number in range(1, group.count + 1):
                address = self._address(group, number)
                node = self._instance(group, number, address)
                blocks += [node] if address is None else [address, node]
                said[f"{group.role}-{number}"] = {
                    "role": group.role,
                    "private_ip": node.ref("network_interface[0].network_ip"),
                    "public_ip": address.ref("address") if address else "",
                    "instance_id": node.ref("id"),
                }
        nodes = Output(name="nodes", value=said, description="Nodes by name")
        return Part(blocks=tuple(blocks), outputs=(nodes,), variables=(_IMAGE, _PROTECTION))

    def _address(self, group: NodeGroup, number: int) -> Block | None:
        if group.role != NodeRole.ORCHESTRATOR:
            return None
        return resource(
            "google_compute_address",
            f"{group.role}_{number}",
            name=f"{self._label}-{group.role}-{number}",
            region=self._region,
            address_type="EXTERNAL",
            labels=self._labels | {"qinfra_role": group.role},
        )

    def _instance(self, group: NodeGroup, number: int, address: Block | None) -> Block:
        """No service account: agents call no Google service, so there is no token to steal."""
        labels = self._labels | {"qinfra_role": group.role}
        public = [{"nat_ip": address.ref("address")}] if address else None
        return resource(
            "google_compute_instance",
            f"{group.role}_{number}",
            name=f"{self._label}-{group.role}-{number}",
            zone="${var.zone}",
            machine_type=group.machine,
            allow_stopping_for_update=True,
            deletion_protection=_PROTECTION.ref,
            tags=[tag(group.role)],
            labels=labels,
            metadata=_METADATA,
            boot_disk=_disk(group.disk_gib, labels),
            network_interface=[
                {"subnetwork": "${google_compute_subnetwork.main.id}", "access_config": public}
            ],
            scheduling=self._scheduling,
            shielded_instance_config={
                "enable_secure_boot": True,
                "enable_vtpm": True,
                "enable_integrity_monitoring": True,
            },
            meta={"lifecycle": {"ignore_changes": _KEPT}},
        )


def _disk(size_gib: int, labels: dict[str, str]) -> dict[str, Any]:
    parameters = {"image": _IMAGE.ref, "size": size_gib, "type": "pd-ssd", "labels": labels}
    return {"auto_delete": True, "initialize_params": parameters}
