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
        tflops_16bit: Peak of its matrix units, multiply and add counted as two.
        tflops_32bit: Peak in float32, which has no matrix units.
        source: Where the figures come from, with a date.
    """

    name: str
    memory_gib: float
    memory_gb_per_second: float
    bfloat16: bool
    tflops_16bit: float
    tflops_32bit: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """An instance type.

    Attributes:
        memory_gb_per_second: Bandwidth the CPUs see of their memory; assumed, since no cloud
            publishes it.
        cpu_tflops: Peak of the CPUs in float32, assumed as `cpu_source` says.
        local_disk_gb: The disk inside the host, lost with the instance; 0 without one.
        source: Where the figures come from, with a date.
    """

    name: str
    cloud: Cloud
    vcpus: int
    memory_gib: float
    memory_gb_per_second: float
    cpu_tflops: float
    cpu_source: str
    gpu: Gpu | None
    local_disk_gb: int
    source: str


T4 = Gpu(
    name="T4",
    memory_gib=16,
    memory_gb_per_second=300,
    bfloat16=False,
    tflops_16bit=65,
    tflops_32bit=8.1,
    source="NVIDIA's T4 datasheet of 2019",
)

# Two vCPUs are one core; 32 operations a cycle are two AVX2 units of eight lanes, multiply and add.
ASSUMED_CPU_TFLOPS_PER_VCPU = 0.032
_CPU_SOURCE = "assumed: 32 float32 operations a cycle at 2 GHz for each core of two vCPUs"

MACHINES: Mapping[str, Machine] = {
    machine.name: machine
    for machine in (
        Machine(
            name="g4dn.xlarge",
            cloud="aws",
            vcpus=4,
            memory_gib=16,
            memory_gb_per_second=20,
            cpu_tflops=4 * ASSUMED_CPU_TFLOPS_PER_VCPU,
            cpu_source=_CPU_SOURCE,
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
            cpu_tflops=4 * ASSUMED_CPU_TFLOPS_PER_VCPU,
            cpu_source=_CPU_SOURCE,
            gpu=None,
            local_disk_gb=0,
            source="guide v3.0 §4.1, 2025-08-21",
        ),
    )
}

# Ubuntu with NVIDIA's driver and no framework: the agent brings its own, of the version it pins.
AWS_IMAGE_PARAMETER = (
    "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
)

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
