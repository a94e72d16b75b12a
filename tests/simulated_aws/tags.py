"""EC2's tags end with what wears them, where moto keeps them for ever.

AWS, too, shows terminated instances and deleted NAT gateways for an hour, with their tags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.responses import EC2Response

from tests.simulated_aws.extending import action_of

# By action, the parameter that names what ends with it.
_ENDS = {
    "delete_flow_logs": "FlowLogIds",
    "delete_internet_gateway": "InternetGatewayId",
    "delete_launch_template": "LaunchTemplateId",
    "delete_network_interface": "NetworkInterfaceId",
    "delete_route_table": "RouteTableId",
    "delete_subnet": "SubnetId",
    "delete_volume": "VolumeId",
    "delete_vpc_endpoints": "VpcEndpointIds",
    "release_address": "AllocationId",
    "revoke_security_group_egress": "SecurityGroupRuleIds",
    "revoke_security_group_ingress": "SecurityGroupRuleIds",
}
_delete_key_pair = EC2Response.delete_key_pair
_delete_security_group = EC2Response.delete_security_group
_delete_vpc = EC2Response.delete_vpc
_terminate_instances = EC2Backend.terminate_instances


def drop_tags(backend: Any, ids: Iterable[str]) -> None:
    """Forget the tags of these."""
    for each in ids:
        backend.tags.pop(each, None)


def _ending(action: Callable[[Any], Any], parameter: str) -> Callable[[Any], Any]:
    def ends(self: Any) -> Any:
        answer = action(self)
        named = self._get_param(parameter) or []
        drop_tags(self.ec2_backend, [named] if isinstance(named, str) else named)
        return answer

    return ends


for _name, _parameter in _ENDS.items():
    setattr(EC2Response, _name, _ending(getattr(EC2Response, _name), _parameter))


@action_of(EC2Response)
def delete_security_group(self: Any) -> ActionResult:
    named = self._get_param("GroupId") or self._get_param("GroupName")
    group = self.ec2_backend.get_security_group_by_name_or_id(named)
    answer = _delete_security_group(self)
    rules = (*group.ingress_rules, *group.egress_rules)
    drop_tags(self.ec2_backend, [group.id, *(rule.id for rule in rules)])
    return answer


@action_of(EC2Response)
def delete_key_pair(self: Any) -> ActionResult:
    pair = self.ec2_backend.key_pairs.get(self._get_param("KeyName"))
    answer = _delete_key_pair(self)
    drop_tags(self.ec2_backend, [pair.id] if pair else ())
    return answer


@action_of(EC2Response)
def delete_vpc(self: Any) -> ActionResult:
    """As moto's; the security group that every VPC begins with ends with it."""
    vpc = self._get_param("VpcId")
    groups = list(self.ec2_backend.groups.get(vpc, ()))
    answer = _delete_vpc(self)
    drop_tags(self.ec2_backend, [vpc, *groups])
    return answer


@action_of(EC2Backend)
def terminate_instances(self: Any, instance_ids: list[str]) -> Any:
    """As moto's; the disks that end with them lose their tags."""
    before = set(self.volumes)
    answer = _terminate_instances(self, instance_ids)
    drop_tags(self, before - set(self.volumes))
    return answer
