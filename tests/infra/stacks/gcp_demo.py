"""The demo's stack, and variants of it, for the tests beside this file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.declaration import Phase, PhaseConfig
from infra.phases import PhaseWishes, phase_config
from infra.stacks.blocks import Stack
from infra.stacks.gcp import gcp_stacks


def demo(**wishes: Any) -> PhaseConfig:
    return phase_config(Phase.DEMO, GUIDE_NETWORK, Assumptions(), PhaseWishes(**wishes))


def stack(config: PhaseConfig | None = None) -> Stack:
    return gcp_stacks(config or demo())[0]


def with_more(config: PhaseConfig, role: str, count: int) -> PhaseConfig:
    groups = tuple(
        replace(group, count=count, maximum=count, minimum=count) if group.role == role else group
        for group in config.groups
    )
    return replace(config, groups=groups)
