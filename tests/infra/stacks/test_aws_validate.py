from __future__ import annotations

from pathlib import Path

import pytest

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.declaration import Phase
from infra.phases import PhaseWishes, phase_config
from infra.purchase import Purchase
from infra.stacks.aws import aws_stacks
from tests.infra.stacks.terraforming import terraform


@pytest.mark.parametrize("phase", [Phase.MVP, Phase.PRODUCTION, Phase.ENTERPRISE])
def test_every_region_is_valid_for_the_real_provider(phase: Phase, tmp_path: Path) -> None:
    stacks = aws_stacks(phase_config(phase, GUIDE_NETWORK, Assumptions()))
    terraform(tmp_path, "aws").validated(stacks, tmp_path / "out")


def test_a_phase_on_spot_is_valid_too(tmp_path: Path) -> None:
    wishes = PhaseWishes(purchase=Purchase.SPOT)
    stacks = aws_stacks(phase_config(Phase.MVP, GUIDE_NETWORK, Assumptions(), wishes))
    terraform(tmp_path, "aws").validated(stacks, tmp_path / "out")
