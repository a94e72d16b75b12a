"""The ranges a person gives: in qinfra.toml, and over them with --range."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from infra.errors import ConfigError
from infra.ranges import LogNormal, Spread, Stated, Triangular, domain_of
from provision.settings import settings_file, settings_of

if TYPE_CHECKING:
    from pathlib import Path

_FORM = re.compile(r"(?P<key>[^=]+)=(~(?P<log>[^:]*:[^:]*)|(?P<three>[^:]*:[^:]*:[^:]*))")


def asked_ranges(config: Path | None, flags: tuple[str, ...]) -> dict[str, Stated]:
    """Return the ranges of the settings, with those of --range in their place.

    Raises:
        ConfigError: The file or a flag cannot be used.
    """
    file = settings_file(config)
    stated = {}
    if file is not None:
        for key, spread in settings_of(file).ranges.spreads().items():
            stated[key] = Stated(spread=spread, source=str(file))
    for flag in flags:
        key, spread = range_flag(flag)
        stated[key] = Stated(spread=spread, source="--range")
    return stated


def range_flag(text: str) -> tuple[str, Spread]:
    """Return the key and the range of `KEY=LOW:MODE:HIGH` or `KEY=~MEDIAN:SIGMA`.

    An empty MODE is the value in force.

    Raises:
        ConfigError: It is of neither form, its key is unknown or its range not allowed.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"--range '{text}' is neither KEY=LOW:MODE:HIGH nor KEY=~MEDIAN:SIGMA",
            hint="For example --range adoption=0.01:0.025:0.05 --range inference_seconds=~3:0.4.",
        )
    key = match["key"].strip().replace("-", "_")
    domain = domain_of(key)
    try:
        spread = _spread(match["log"], match["three"])
        spread.check(domain)
    except ConfigError as error:
        raise ConfigError(f"--range {key}: {error}", hint=error.hint) from error
    return key, spread


def _spread(log_normal: str | None, triangular: str) -> Spread:
    if log_normal is not None:
        median, sigma = log_normal.split(":")
        return LogNormal(median=_number(median), sigma=_number(sigma))
    low, mode, high = triangular.split(":")
    return Triangular(
        low=_number(low), mode=_number(mode) if mode.strip() else None, high=_number(high)
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"'{text.strip()}' is not a number") from error
