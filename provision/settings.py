"""Where qinfra.toml is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.config import Settings

SETTINGS_FILE = Path("qinfra.toml")


def settings_of(config: Path | None) -> Settings:
    """Return the settings of a file, of ./qinfra.toml, or the defaults.

    Raises:
        ConfigError: The file cannot be used.
    """
    from infra.config import load_settings

    return load_settings(settings_file(config))


def settings_file(config: Path | None) -> Path | None:
    """Return the settings' file: the one given, or ./qinfra.toml if there is one."""
    if config is not None:
        return config
    return SETTINGS_FILE if SETTINGS_FILE.exists() else None
