from __future__ import annotations

from pathlib import Path

from infra.declaration import Phase, PhaseConfig
from infra.stacks.aws_data import data
from infra.stacks.aws_edge import edge
from infra.stacks.aws_global import global_stack
from infra.stacks.aws_watch import watch
from infra.stacks.site import Part
from tests.infra.stacks.ground import GUARDED, config_of, regions_of, site_of, standing
from tests.infra.stacks.terraforming import terraform


def parts_of(config: PhaseConfig, region: str) -> tuple[Part, ...]:
    site = site_of(config, region)
    return tuple(part(config, region, site) for part in (edge, data, watch))


def test_the_provider_accepts_every_part(tmp_path: Path) -> None:
    stacks = [
        standing(config, region, *parts_of(config, region))
        for config, region in regions_of(*GUARDED)[:2]
    ]
    terraform(tmp_path, "aws").validated(stacks, tmp_path)


def test_the_provider_accepts_what_stands_above_regions(tmp_path: Path) -> None:
    stack = global_stack(config_of(Phase.ENTERPRISE))
    assert stack is not None
    terraform(tmp_path, "aws").validated([stack], tmp_path)
