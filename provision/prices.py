"""The prices a command uses: the packaged catalogue under the operator's refreshed rows."""

from __future__ import annotations

import os
from pathlib import Path

from infra.errors import ConfigError
from infra.pricing.catalogue import PriceBook, packaged_prices, read_prices


def prices_file() -> Path:
    """Return where refreshed prices are kept."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "qinfra" / "prices.csv"


def load_prices(file: Path | None = None) -> PriceBook:
    """Return the packaged prices with the refreshed ones in their place.

    Args:
        file: Refreshed prices; `prices_file()` when None, and none if it does not exist.

    Raises:
        ConfigError: A catalogue cannot be read or holds something wrong; its line is named.
    """
    refreshed = file or prices_file()
    try:
        text = refreshed.read_text(encoding="utf-8")
    except FileNotFoundError:
        return packaged_prices()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{refreshed}: cannot be read: {error}") from error
    return packaged_prices().overlaid(read_prices(text, source=str(refreshed)))
