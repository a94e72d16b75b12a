"""EC2's prefix lists of AWS's own: where Route 53's checks of health come from."""

from __future__ import annotations

from typing import Any

from moto.ec2.models import EC2Backend

from tests.simulated_aws.extending import action_of

_create_default_pls = EC2Backend.create_default_pls


@action_of(EC2Backend)
def create_default_pls(self: Any) -> None:
    """As moto's, with one more."""
    _create_default_pls(self)
    self._create_aws_managed_prefix_list(
        name=f"com.amazonaws.{self.region_name}.route53-healthchecks",
        address_family="IPv4",
        entries=[{"Cidr": "15.177.0.0/18", "Description": "default"}],
    )
