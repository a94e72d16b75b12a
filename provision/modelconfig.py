"""A model's sizes from the config.json of its checkpoint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from infra.capacity.shapes import shape_of_config
from infra.errors import ConfigError
from provision.files import read_bounded

if TYPE_CHECKING:
    from pathlib import Path

    from infra.capacity.placement import ModelShape

_LARGEST_BYTES = 2**20


def read_shape(model: Path) -> ModelShape:
    """Return the sizes of a model.

    Args:
        model: A folder with a config.json, or that file.

    Raises:
        ConfigError: It cannot be read, is no JSON object, or describes no model that is known.
    """
    path = model / "config.json" if model.is_dir() else model
    text = read_bounded(path, _LARGEST_BYTES)
    try:
        config = json.loads(text)
    except RecursionError as error:
        raise ConfigError(f"{path}: not JSON: nested too deeply") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not JSON, or cut short: {error}") from error
    if not isinstance(config, dict):
        raise ConfigError(f"{path}: not a JSON object")
    return shape_of_config(config, source=str(path), name=path.absolute().parent.name)
