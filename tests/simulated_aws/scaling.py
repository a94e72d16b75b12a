"""Launch templates and scaling groups: what AWS tells of them as it was asked for."""

from __future__ import annotations

from typing import Any

from moto.autoscaling.models import FakeScalingPolicy
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from tests.simulated_aws.extending import action_of

_TEMPLATE = "launch-template"
_create_launch_template = EC2Response.create_launch_template
_create_auto_scaling_group = AutoScalingResponse.create_auto_scaling_group
_update_auto_scaling_group = AutoScalingResponse.update_auto_scaling_group
_begin_policy = FakeScalingPolicy.__init__


@action_of(EC2Response)
def create_launch_template(self: Any) -> ActionResult:
    """As moto's, but the template's own tags are not those of what it launches."""
    answer = _create_launch_template(self)
    name = self._get_param("LaunchTemplateName")
    data = self.ec2_backend.get_launch_template_by_name(name).default_version().data
    data["TagSpecifications"] = [
        each for each in data.get("TagSpecifications", ()) if each["ResourceType"] != _TEMPLATE
    ]
    return answer


@action_of(AutoScalingResponse)
def create_auto_scaling_group(self: Any) -> ActionResult:
    answer = _create_auto_scaling_group(self)
    _keep_warmup(self)
    return answer


@action_of(AutoScalingResponse)
def update_auto_scaling_group(self: Any) -> ActionResult:
    answer = _update_auto_scaling_group(self)
    _keep_warmup(self)
    return answer


def _keep_warmup(response: Any) -> None:
    name, warmup = (
        response._get_param(each) for each in ("AutoScalingGroupName", "DefaultInstanceWarmup")
    )
    if warmup is not None:
        response.autoscaling_backend.autoscaling_groups[name].default_instance_warmup = int(warmup)


def _with_defaults(self: Any, *arguments: Any, **named: Any) -> None:
    _begin_policy(self, *arguments, **named)
    self.enabled = True
    self.predictive_scaling_configuration = self.predictive_scaling_configuration or None


FakeScalingPolicy.__init__ = _with_defaults  # type: ignore[method-assign]
