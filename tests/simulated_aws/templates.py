"""Launch templates: their own tags are not what they tag."""

from __future__ import annotations

from typing import Any

from moto.ec2.models.launch_templates import LaunchTemplate


def fill() -> None:
    """Keep a template's own tags out of its data."""
    create = LaunchTemplate.create_version

    def create_version(self: Any, data: dict[str, Any], description: str) -> Any:
        worn = data.get("TagSpecifications") or []
        data["TagSpecifications"] = [
            each for each in worn if each["ResourceType"] != "launch-template"
        ]
        return create(self, data, description)

    LaunchTemplate.create_version = create_version  # type: ignore[method-assign]
