"""A model's config.json, read from a folder or as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.capacity.shapes import CONFIG_FILE, shape_of_config
from infra.documents import json_object
from infra.errors import ConfigError
from infra.units import MIB
from provision.files import read_bounded

if TYPE_CHECKING:
    from pathlib import Path

    from infra.capacity.placement import ModelShape

_MOST_BYTES = MIB  # published ones have a few KiB


def read_shape(model: Path) -> ModelShape:
    """Return the shape of a model; its weights need not be there.

    Args:
        model: The model's folder, or its config.json.

    Raises:
        ConfigError: The file cannot be read, is too large, damaged, or not of a supported model.
    """
    try:
        file = model / CONFIG_FILE if model.is_dir() else model
        there = file.is_file()
    except OSError as error:
        raise ConfigError(f"{model}: cannot be read: {error.strerror}") from error
    if not there:
        raise ConfigError(f"{file}: no such file", hint="Give a model's folder or its config.json.")
    text = read_bounded(file, _MOST_BYTES)
    # The folder's own name names the model, also for `--model .`.
    source = str(file.parent.resolve() / file.name)
    return shape_of_config(json_object(text, source=source), source=source)
