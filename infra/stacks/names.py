"""What a deployment may be called, so that every name in a cloud fits its service's limit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from infra.domain import SHAPE
from infra.errors import ConfigError

if TYPE_CHECKING:
    from typing import Final

# A balancer's name has 32 characters, ours stands before it; Google's have 63, with role and number
# behind it.
LONGEST_DEPLOYMENT: Final = 24


def check_deployment(name: str) -> None:
    """Pass a name that every cloud takes as part of its own.

    Raises:
        ConfigError: It is too long, or of another form.
    """
    if len(name) > LONGEST_DEPLOYMENT:
        raise ConfigError(
            f"deployment '{name}': {len(name)} characters, a cloud's names have room for "
            f"{LONGEST_DEPLOYMENT}",
            hint="Choose a shorter --name.",
        )
    if not re.fullmatch(SHAPE, name):
        raise ConfigError(
            f"deployment '{name}': lower case letters, digits and single hyphens between them, "
            "a letter first",
            hint="Choose another --name.",
        )
