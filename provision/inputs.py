"""What the model's commands start from: the network, the assumptions, and how to round."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.capacity.rounding import Rounding
from infra.declaration import Phase
from infra.domain import unknown
from infra.errors import ConfigError
from provision.network import GUIDE, LIVE, guide_network, read_network
from provision.settings import settings_file, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from infra.capacity.network import NetworkMetrics
    from infra.config import NetworkSettings, Settings
    from infra.tenants import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFlags:
    """What was asked for, as it was given."""

    config: Path | None
    assume: tuple[str, ...]
    as_guide: bool
    network: str | None = None
    rpc_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a figure is computed from.

    Attributes:
        network_notes: Where the network's figures come from, how old they are, and what was
            missing, a line each.
        rounding: As the guide, or exact.
        tenants: As the settings name them, none included; None where no settings were read.
    """

    metrics: NetworkMetrics
    assumptions: Assumptions
    network_notes: tuple[str, ...]
    rounding: Rounding
    tenants: tuple[Tenant, ...] | None = None

    def tenants_in(self, phase: Phase) -> tuple[Tenant, ...]:
        """Return the tenants of a phase that stands beside others: only the enterprise has any."""
        return (self.tenants or ()) if phase is Phase.ENTERPRISE else ()


def read_and_told(flags: InputFlags, say: Callable[[str], object]) -> Inputs:
    """Read as `read_inputs`, and say what to know about a network that is not the guide's.

    For commands that do not show it with their results.

    Raises:
        QinfraError: As `read_inputs`.
    """
    inputs = read_inputs(flags, say)
    if inputs.metrics is not GUIDE_NETWORK:
        for note in inputs.network_notes:
            say(f"network: {note}")
    return inputs


def read_inputs(flags: InputFlags, say: Callable[[str], object] = lambda _: None) -> Inputs:
    """Read settings, assumptions and the network.

    Args:
        flags: What was asked for.
        say: Told what is waited for.

    Raises:
        ConfigError: The file, an assumption or the network's source cannot be used.
        RemoteError: The network was to be asked, and neither it nor its last answer can be had.
    """
    settings = _settings(flags)
    assumptions = assumed(settings.assumptions if settings else Assumptions(), flags.assume)
    network = (
        read_network(_network_settings(flags, settings.network), datetime.now(UTC), say)
        if settings
        else guide_network()
    )
    return Inputs(
        metrics=network.metrics,
        assumptions=assumptions,
        network_notes=network.notes,
        rounding=Rounding.GUIDE if flags.as_guide else Rounding.EXACT,
        tenants=tuple(each.tenant for each in settings.tenants) if settings else None,
    )


def _settings(flags: InputFlags) -> Settings | None:
    """Return the settings unless they would be the defaults: to read them takes longer."""
    wanted = _network_source(flags)
    if settings_file(flags.config) is None and wanted in (None, GUIDE):
        return None
    return settings_of(flags.config)


def _network_settings(flags: InputFlags, settings: NetworkSettings) -> NetworkSettings:
    given = {"source": _network_source(flags), "rpc_url": flags.rpc_url}
    return settings.model_copy(update={name: value for name, value in given.items() if value})


def _network_source(flags: InputFlags) -> str | None:
    """An RPC is named in order to be asked.

    Raises:
        ConfigError: Another source was named beside it.
    """
    if flags.rpc_url and flags.network not in (None, LIVE):
        raise ConfigError(
            f"--rpc-url stands beside --network {flags.network}, which does not ask it",
            hint="Leave one of them away.",
        )
    return flags.network or (LIVE if flags.rpc_url else None)


def assumed(assumptions: Assumptions, changes: tuple[str, ...]) -> Assumptions:
    """Return the assumptions with `KEY=VALUE` changes.

    Raises:
        ConfigError: A change is not of this form, its key is unknown or its value not allowed.
    """
    kinds = {item.name: int if item.type == "int" else float for item in fields(Assumptions)}
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
