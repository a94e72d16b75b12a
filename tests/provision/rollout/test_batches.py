from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from provision.rollout.batches import batches

ROLES = ("orchestrator", "embedding", "transformer", "worker", "oracle", "monitoring", "unheard_of")


@given(nodes=st.dictionaries(st.text(min_size=1, max_size=8), st.sampled_from(ROLES), max_size=60))
def test_every_node_once_and_never_two_roles_together(nodes: dict[str, str]) -> None:
    found = batches(nodes)
    assert sorted(name for batch in found for name in batch.nodes) == sorted(nodes)
    assert all(nodes[name] == batch.role for batch in found for name in batch.nodes)
    assert all(batch.nodes for batch in found)


@given(nodes=st.dictionaries(st.text(min_size=1, max_size=8), st.sampled_from(ROLES), max_size=60))
def test_a_role_begins_with_one_node_and_its_gateways_stay_single(nodes: dict[str, str]) -> None:
    begun: set[str] = set()
    for batch in batches(nodes):
        assert batch.canary == (batch.role not in begun)
        assert not batch.canary or len(batch.nodes) == 1
        assert batch.role != "orchestrator" or len(batch.nodes) == 1
        begun.add(batch.role)


def test_stages_come_before_gateways() -> None:
    nodes = {f"{role}-{n}": role for role in ("orchestrator", "embedding") for n in range(1, 9)}
    sizes = [(batch.role, len(batch.nodes)) for batch in batches(nodes)]
    assert sizes == [("embedding", n) for n in (1, 1, 6)] + [("orchestrator", 1)] * 8
