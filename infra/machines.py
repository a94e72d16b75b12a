"""The machines a fleet can be made of, and where they are rented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from infra.domain import unknown
from infra.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

Cloud = Literal["gcp", "aws"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """An accelerator.

    Attributes:
        memory_gb_per_second: Peak bandwidth of its memory.
        bfloat16: Whether its arithmetic units know the format.
        teraflops_16bit: Peak, in the 16-bit format it knows.
        teraflops_32bit: Peak.
    """

    name: str
    memory_gib: float
    memory_gb_per_second: float
    bfloat16: bool
    teraflops_16bit: float
    teraflops_32bit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """An instance type.

    Attributes:
        memory_gb_per_second: Bandwidth the CPUs see of their memory; assumed, since no cloud
            publishes it.
        cpu_teraflops: In float32; assumed, two cores of 2.5 GHz with 32 operations a cycle.
        local_disk_gb: The disk inside the host, lost with the instance; 0 without one.
        source: Where the figures come from, with a date.
    """

    name: str
    cloud: Cloud
    vcpus: int
    memory_gib: float
    memory_gb_per_second: float
    cpu_teraflops: float
    gpu: Gpu | None
    local_disk_gb: int
    source: str


T4 = Gpu(
    name="T4",
    memory_gib=16,
    memory_gb_per_second=300,
    bfloat16=False,
    teraflops_16bit=65,
    teraflops_32bit=8.1,
)

MACHINES: Mapping[str, Machine] = {
    machine.name: machine
    for machine in (
        Machine(
            name="g4dn.xlarge",
            cloud="aws",
            vcpus=4,
            memory_gib=16,
            memory_gb_per_second=20,
            cpu_teraflops=0.16,
            gpu=T4,
            local_disk_gb=125,
            source="guide v3.0 §2.3 and NVIDIA's T4 datasheet of 2019",
        ),
        Machine(
            name="n1-standard-4",
            cloud="gcp",
            vcpus=4,
            memory_gib=15,
            memory_gb_per_second=20,
            cpu_teraflops=0.16,
            gpu=None,
            local_disk_gb=0,
            source="guide v3.0 §4.1, 2025-08-21",
        ),
    )
}

# Regions the price catalogue knows a machine in.
REGIONS: Mapping[str, Cloud] = {
    "us-east-1": "aws",
    "us-east-2": "aws",
    "us-west-2": "aws",
    "eu-west-1": "aws",
    "eu-central-1": "aws",
    "ap-southeast-1": "aws",
    "ap-northeast-1": "aws",
    "us-central1": "gcp",
    "us-east1": "gcp",
    "us-west1": "gcp",
    "us-east4": "gcp",
    "europe-west1": "gcp",
    "europe-west4": "gcp",
    "asia-southeast1": "gcp",
    "asia-northeast1": "gcp",
    "asia-east1": "gcp",
}


def machine_named(name: str, cloud: Cloud | None = None) -> Machine:
    """Return the instance type of this name.

    Args:
        name: As the cloud writes it.
        cloud: The cloud that must rent it; any when None.

    Raises:
        ConfigError: There is none; the nearest and all of the cloud's are named.
    """
    known = [item.name for item in MACHINES.values() if cloud in (None, item.cloud)]
    if name not in MACHINES:
        raise unknown("instance type", name, known)
    machine = MACHINES[name]
    if cloud not in (None, machine.cloud):
        raise ConfigError(
            f"instance type '{name}' is rented by {machine.cloud}, the phase runs on {cloud}",
            hint=f"Use one of: {', '.join(known)}.",
        )
    return machine


def region_named(name: str, cloud: Cloud | None = None) -> str:
    """Return the name if it is a region the catalogue knows.

    Raises:
        ConfigError: It is not, or belongs to another cloud; the nearest and all are named.
    """
    known = [region for region, owner in REGIONS.items() if cloud in (None, owner)]
    if name not in REGIONS:
        raise unknown("region", name, known)
    if name not in known:
        raise ConfigError(
            f"region '{name}' is one of {REGIONS[name]}, the phase runs on {cloud}",
            hint=f"Use one of: {', '.join(known)}.",
        )
    return name
