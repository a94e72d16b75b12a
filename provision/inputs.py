"""What the model's commands start from: the network, the assumptions, and how to round."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from infra.capacity.assumptions import Assumptions
from infra.capacity.rounding import Rounding
from infra.domain import unknown
from infra.errors import ConfigError
from provision.settings import settings_file, settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from infra.capacity.network import NetworkMetrics
    from infra.config import Settings

GUIDE = "guide"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFlags:
    """What was asked for, as it was given."""

    config: Path | None
    assume: tuple[str, ...]
    network: str | None
    rpc_url: str | None
    as_guide: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a figure is computed from.

    Attributes:
        network_notes: Where the network's figures come from, how old they are, and what was
            missing, a line each.
        rounding: As the guide, or exact.
        ranges: qinfra.toml's [ranges], unread.
    """

    metrics: NetworkMetrics
    assumptions: Assumptions
    network_notes: tuple[str, ...]
    rounding: Rounding
    ranges: Mapping[str, object]


def read_inputs(flags: InputFlags) -> Inputs:
    """Read settings, network and assumptions.

    Raises:
        ConfigError: A file, an assumption or the network's figures cannot be used.
    """
    # Reading the settings' types takes longer than computing a phase.
    settings = settings_of(flags.config) if settings_file(flags.config) else None
    assumptions = assumed(settings.assumptions if settings else Assumptions(), flags.assume)
    metrics, notes = _network(flags, settings)
    return Inputs(
        metrics=metrics,
        assumptions=assumptions,
        network_notes=notes,
        rounding=Rounding.GUIDE if flags.as_guide else Rounding.EXACT,
        ranges=settings.ranges if settings else {},
    )


def assumed(assumptions: Assumptions, changes: tuple[str, ...]) -> Assumptions:
    """Return the assumptions with `KEY=VALUE` changes.

    Raises:
        ConfigError: A change is not of this form, its key is unknown or its value not allowed.
    """
    kinds = {item.name: type(item.default) for item in fields(Assumptions)}
    values: dict[str, Any] = {}
    for change in changes:
        key, equals, text = change.partition("=")
        name = key.strip().replace("-", "_")
        if not equals:
            raise ConfigError(
                f"--assume '{change}' is not KEY=VALUE", hint="For example --assume adoption=0.05."
            )
        if name not in kinds:
            raise unknown("assumption", name, kinds)
        try:
            values[name] = int(text) if kinds[name] is int else float(text)
        except ValueError as error:
            kind = "a whole number" if kinds[name] is int else "a number"
            raise ConfigError(f"--assume {name}: '{text.strip()}' is not {kind}") from error
    return replace(assumptions, **values)


def _network(
    flags: InputFlags, settings: Settings | None
) -> tuple[NetworkMetrics, tuple[str, ...]]:
    source = flags.network or (settings.network.source if settings else GUIDE)
    if source == GUIDE:
        from infra.capacity.network import GUIDE_NETWORK

        return GUIDE_NETWORK, (GUIDE_NETWORK.source,)
    from provision.network import DEFAULT_RPC_URL, read_network

    url = flags.rpc_url or (settings.network.rpc_url if settings else DEFAULT_RPC_URL)
    observation = read_network(source, rpc_url=url)
    return observation.metrics, observation.notes
