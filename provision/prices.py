"""The prices a command uses: the packaged catalogue under the operator's refreshed rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from infra.errors import ConfigError
from infra.pricing.catalogue import PriceBook, packaged_prices, read_prices, write_prices
from provision.files import data_folder, read_bounded, write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_READABLE = 0o644
_LARGEST_BYTES = 2**20


def prices_file() -> Path:
    """Return where refreshed prices are kept."""
    return data_folder() / "prices.csv"


def load_prices(file: Path | None = None) -> PriceBook:
    """Return the packaged prices with the refreshed ones in their place.

    Args:
        file: Refreshed prices; `prices_file()` when None, and none if it does not exist.

    Raises:
        ConfigError: A catalogue cannot be read or holds something wrong; its line is named.
    """
    return packaged_prices().overlaid(refreshed_prices(file))


def refreshed_prices(file: Path | None = None) -> PriceBook:
    """Return the refreshed prices alone.

    Args:
        file: As `load_prices` takes it.

    Raises:
        ConfigError: They cannot be read or hold something wrong; the line is named.
    """
    refreshed = file or prices_file()
    try:
        text = refreshed.read_text(encoding="utf-8")
    except FileNotFoundError:
        return PriceBook({})
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{refreshed}: cannot be read: {error}") from error
    return read_prices(text, source=str(refreshed))


def save_prices(book: PriceBook) -> bool:
    """Keep refreshed prices, and return whether anything was new in them.

    Raises:
        ConfigError: They cannot be written, or what is there cannot be read.
    """
    if book == refreshed_prices():
        return False
    rows = sorted(book.prices.values(), key=lambda price: price.key)
    _write(prices_file(), write_prices(rows))
    return True


def known_versions() -> Mapping[str, str]:
    """Return the version of each source's file that the refreshed prices are of, by its URL."""
    try:
        document = json.loads(read_bounded(_versions_file(), _LARGEST_BYTES))
        return {str(url): str(version) for url, version in document.items()}
    except (ConfigError, ValueError, AttributeError):
        return {}  # absent or spoilt: everything is read again


def save_version(url: str, version: str) -> None:
    """Remember what version of a source's file was read.

    Raises:
        ConfigError: It cannot be written.
    """
    known = known_versions()
    if known.get(url, "") != version:
        _write(_versions_file(), json.dumps({**known, url: version}, indent=2) + "\n")


def _versions_file() -> Path:
    return data_folder() / "prices.etags.json"


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text, mode=_READABLE)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
