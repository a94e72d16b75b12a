"""Flags over settings over defaults: one statement of what is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.capacity.network import GUIDE_NETWORK, NetworkMetrics
from infra.declaration import phase_named
from infra.phases import phase_config
from provision.desired import Desired
from provision.targets.target import LOCAL

if TYPE_CHECKING:
    from infra.config import Settings
    from infra.roles import NodeCounts

_BALANCED = "balanced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What was said on the command line; None where nothing was."""

    phase: str
    model: str | None = None
    split: str | None = None
    stages: int | None = None
    max_processes: int | None = None
    port: int | None = None
    threads: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted, and what follows from it before any model is looked at.

    Args:
        desired: The record of it.
        counts: The phase's nodes.
        first_port: Where the search for a free gateway port begins.
    """

    desired: Desired
    counts: NodeCounts
    first_port: int


def wish(
    flags: Flags, settings: Settings, *, version: str, metrics: NetworkMetrics = GUIDE_NETWORK
) -> Wish:
    """Join flags and settings.

    Args:
        flags: What was said on the command line.
        settings: What the file says.
        version: Of qinfra.
        metrics: The network whose demand sizes the phase.

    Raises:
        ConfigError: The phase is unknown.
    """
    config = phase_config(phase_named(flags.phase), metrics, settings.assumptions)
    split, stages = _division(flags, settings)
    pinned = (
        settings.local.gateway_port if "gateway_port" in settings.local.model_fields_set else None
    )
    desired = Desired(
        phase=config.phase,
        target=LOCAL,
        model=_model(flags.model or settings.model.path),
        split=split,
        stages=stages,
        max_processes=flags.max_processes or settings.local.max_processes,
        port=flags.port or pinned,
        threads=flags.threads or settings.local.threads,
        dtype=settings.model.dtype,
        slots=settings.model.slots,
        context_tokens=settings.model.context_tokens,
        counts=", ".join(f"{role} {n}" for role, n in config.counts.by_role().items() if n),
        version=version,
    )
    return Wish(desired=desired, counts=config.counts, first_port=settings.local.gateway_port)


def _division(flags: Flags, settings: Settings) -> tuple[str | None, int | None]:
    """A flag about the division of the model replaces all that the file says about it."""
    if flags.split is not None or flags.stages is not None:
        return _pinned(flags.split), flags.stages
    stages = settings.model.stages if "stages" in settings.model.model_fields_set else None
    return _pinned(settings.model.split), stages


def _pinned(split: str | None) -> str | None:
    return None if split in (None, _BALANCED) else split


def _model(asked: str) -> str:
    """A folder by its absolute path, so that it is the same one from wherever qinfra is run."""
    folder = Path(asked).expanduser()
    return str(folder.absolute()) if folder.exists() or asked.startswith((".", "/", "~")) else asked
