"""The images that there are, and the public parameter that names the newest one of its kind.

moto's own thirteen hundred are years old, and take a second to load.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.ssm.models import Parameter, SimpleSystemManagerBackend

from infra.machines import AWS_IMAGE_PARAMETER

IMAGES = Path(__file__).with_name("images.json")
IMAGE: str = json.loads(IMAGES.read_text())[0]["ami_id"]
_begin = SimpleSystemManagerBackend.__init__


def _with_public_parameter(self: Any, region_name: str, account_id: str) -> None:
    _begin(self, region_name, account_id)
    self._parameters[AWS_IMAGE_PARAMETER].append(
        Parameter(
            account_id=account_id,
            name=AWS_IMAGE_PARAMETER,
            value=IMAGE,
            parameter_type="String",
            description=None,
            allowed_pattern=None,
            keyid=None,
            last_modified_date=datetime.now(UTC),
            version=1,
            data_type="aws:ec2:image",
        )
    )


SimpleSystemManagerBackend.__init__ = _with_public_parameter  # type: ignore[method-assign]
