"""The MVP really applies, has nothing to change after that, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.declaration import Phase
from tests.simulated_aws.cycle import Cycle
from tests.simulated_aws.leftovers import leftovers
from tests.simulated_aws.running import REGION

OPERATOR = {
    "operator_cidr": "203.0.113.7/32",
    "ssh_public_key": "ssh-ed25519 "
    "AAAAC3NzaC1lZDI1NTE5AAAAIBxzF9jD5bMdd4KE2s5T1YnWcjuFQmwA0cuqCNZVJLXe operator",
    "budget_usd": 2000,
    "alarm_email": "operator@example.org",
}


@pytest.mark.timeout(600)
def test_the_mvp_applies_converges_and_goes(simulated_aws: dict[str, str], tmp_path: Path) -> None:
    mvp = Cycle(phase=Phase.MVP, folder=tmp_path / "mine", environ=simulated_aws, values=OPERATOR)
    (stack,) = mvp.plan().stacks
    assert stack.summary is not None
    mvp.apply(stack)
    again = mvp.plan()
    assert again.is_empty, again.stacks[0].summary
    nodes = mvp.outputs(stack)["nodes"]
    assert isinstance(nodes, dict)
    assert nodes["orchestrator-1"]["public_ip"]
    assert leftovers(simulated_aws, REGION)
    assert len(mvp.plan_to_destroy(stack).destroys) == len(stack.summary.adds)
    mvp.apply(stack)
    assert leftovers(simulated_aws, REGION) == []
