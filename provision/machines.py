"""The machines of a deployment in a cloud, as its stacks and the cloud tell of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine of a cloud.

    Attributes:
        name: As in `embedding-1`; unique in its region.
        region: The cloud's name of it.
        id: EC2's instance id, or `projects/P/zones/Z/instances/N` in Compute Engine.
        public_ip: Empty where it is reached from inside only.
        group: The scaling group that it came from; empty when it stands for itself.
        tenant: Whose own it is; empty where it is everybody's.
    """

    name: str
    role: str
    region: str
    id: str
    private_ip: str
    public_ip: str = ""
    group: str = ""
    tenant: str = ""


def machines_of(outputs: Mapping[str, Any]) -> tuple[Machine, ...]:
    """Return the machines that stand for themselves, of a stack's outputs, in their order.

    Raises:
        RemoteError: The outputs are not what our stacks put out.
    """
    try:
        region = str(outputs.get("region", ""))
        return tuple(
            Machine(
                name=name,
                role=str(facts["role"]),
                region=region,
                id=str(facts["instance_id"]),
                private_ip=str(facts["private_ip"]),
                public_ip=str(facts["public_ip"]),
                tenant=str(facts.get("tenant", "")),
            )
            for name, facts in outputs.get("nodes", {}).items()
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise RemoteError(f"the stack's outputs name no machines as ours do: {error!r}") from error
