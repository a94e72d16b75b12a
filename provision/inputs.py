"""What the model's commands start from: the network, the assumptions, and how to round."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK, NetworkMetrics
from infra.capacity.rounding import Rounding
from infra.domain import unknown
from infra.errors import ConfigError
from provision.settings import settings_file, settings_of

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFlags:
    """What was asked for, as it was given."""

    config: Path | None
    assume: tuple[str, ...]
    as_guide: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a figure is computed from.

    Attributes:
        network_notes: Where the network's figures come from, how old they are, and what was
            missing, a line each.
        rounding: As the guide, or exact.
    """

    metrics: NetworkMetrics
    assumptions: Assumptions
    network_notes: tuple[str, ...]
    rounding: Rounding


def read_inputs(flags: InputFlags) -> Inputs:
    """Read settings and assumptions.

    Raises:
        ConfigError: The file or an assumption cannot be used.
    """
    # Reading the settings' types takes longer than computing a phase.
    settings = settings_of(flags.config) if settings_file(flags.config) else None
    assumptions = assumed(settings.assumptions if settings else Assumptions(), flags.assume)
    return Inputs(
        metrics=GUIDE_NETWORK,
        assumptions=assumptions,
        network_notes=(GUIDE_NETWORK.source,),
        rounding=Rounding.GUIDE if flags.as_guide else Rounding.EXACT,
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
