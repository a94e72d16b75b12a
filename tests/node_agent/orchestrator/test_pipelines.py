from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from node_agent.config import Role
from node_agent.orchestrator.pipelines import Formation, advance, form_pipelines
from node_agent.orchestrator.registry import Announcement

LAYERS = 12


def node(name: str, first: int, end: int, instance: str = "a") -> Announcement:
    return Announcement(
        name=name,
        role=Role.TRANSFORMER,
        address="127.0.0.1:1",
        instance=instance,
        revision="r",
        first_layer=first,
        end_layer=end,
        model_layers=LAYERS,
        slots=4,
        context_tokens=256,
    )


def form(nodes, layers=LAYERS):
    return form_pipelines(nodes, layers, orchestrator="o")


def ids(pipelines):
    return [pipeline.id for pipeline in pipelines]


@st.composite
def split_fleets(draw):
    """A model cut once into 1 to 3 stages, with some nodes at every level."""
    cuts = sorted(draw(st.sets(st.integers(1, LAYERS - 1), max_size=2)))
    levels = list(pairwise([0, *cuts, LAYERS]))
    counts = [draw(st.integers(1, 5)) for _ in levels]
    return [
        node(f"stage{level}-{number}", *levels[level])
        for level, count in enumerate(counts)
        for number in range(1, count + 1)
    ], counts


@st.composite
def any_fleets(draw):
    """Nodes with whatever layers, so that chains cross, miss, and overlap."""
    bounds = st.sets(st.integers(0, LAYERS), min_size=2, max_size=2)
    ranges = bounds.map(lambda pair: (min(pair), max(pair)))
    return [node(f"n-{i}", *r) for i, r in enumerate(draw(st.lists(ranges, max_size=10)))]


def complete(pipeline):
    stages = pipeline.stages
    return (
        stages[0].first_layer == 0
        and stages[-1].end_layer == LAYERS
        and all(a.end_layer == b.first_layer for a, b in pairwise(stages))
    )


def reachable(nodes):
    """Names of the nodes on some complete chain, found the slow way."""
    heads, tails = {0}, {LAYERS}
    for _ in nodes:
        heads |= {n.end_layer for n in nodes if n.first_layer in heads}
        tails |= {n.first_layer for n in nodes if n.end_layer in tails}
    return {n.name for n in nodes if n.first_layer in heads and n.end_layer in tails}


@given(split_fleets())
def test_a_split_fleet_has_as_many_pipelines_as_its_largest_level(fleet):
    nodes, counts = fleet
    formed = form(nodes)
    assert len(formed) == max(counts)
    assert {n.name for p in formed for n in p.stages} == {n.name for n in nodes}


@given(split_fleets())
def test_no_node_is_in_many_more_pipelines_than_its_level_needs(fleet):
    nodes, counts = fleet
    formed = form(nodes)
    for level, count in enumerate(counts):
        uses = [
            sum(n == p.stages[level] for p in formed) for n in {p.stages[level] for p in formed}
        ]
        assert max(uses) - min(uses) <= 1
        assert len(uses) == count


@given(any_fleets())
def test_every_pipeline_is_complete_and_every_useful_node_is_used(nodes):
    formed = form(nodes)
    assert all(complete(pipeline) for pipeline in formed)
    assert {n.name for p in formed for n in p.stages} == reachable(nodes)
    assert len(set(ids(formed))) == len(formed)


@given(any_fleets(), st.randoms())
def test_the_order_of_arrival_does_not_matter(nodes, random):
    shuffled = list(nodes)
    random.shuffle(shuffled)
    assert form(shuffled) == form(nodes)


@given(st.lists(any_fleets(), max_size=6))
def test_an_epoch_is_given_out_once(history):
    formation, given_out = Formation(last_epoch=100), {}
    for nodes in history:
        formation = advance(formation, form(nodes))
        for pipeline in formation.pipelines:
            assert given_out.setdefault(pipeline.epoch, pipeline.stages) == pipeline.stages
            assert pipeline.epoch > 100
    assert formation.last_epoch >= max(given_out, default=100)


@given(any_fleets())
def test_an_unchanged_pipeline_keeps_its_epoch(nodes):
    formation = advance(Formation(), form(nodes))
    assert advance(formation, form(nodes)) == formation


def test_nodes_take_turns_when_levels_differ():
    nodes = [node("e-1", 0, 4), node("t-1", 4, 12), node("t-2", 4, 12), node("t-10", 4, 12)]
    assert ids(form(nodes)) == ["o/e-1+t-1", "o/e-1+t-2", "o/e-1+t-10"]


def test_whole_models_are_pipelines_of_their_own():
    nodes = [node("worker-2", 0, 12), node("worker-1", 0, 12), node("e-1", 0, 4)]
    assert ids(form(nodes)) == ["o/worker-1", "o/worker-2"]


def test_a_gap_leaves_no_pipeline():
    assert form([node("e-1", 0, 4), node("t-1", 5, 12)]) == ()
    assert form([]) == ()


def test_a_new_instance_raises_the_epoch_of_its_pipelines_only():
    nodes = [node("e-1", 0, 4), node("e-2", 0, 4), node("t-1", 4, 12), node("t-2", 4, 12)]
    before = advance(Formation(), form(nodes))
    after = advance(before, form([replace(nodes[0], instance="b"), *nodes[1:]]))
    assert [p.epoch for p in before.pipelines] == [1, 2]
    assert [p.epoch for p in after.pipelines] == [3, 2]


def test_a_pipeline_that_comes_back_has_a_new_epoch():
    nodes = [node("e-1", 0, 4), node("t-1", 4, 12)]
    gone = advance(advance(Formation(), form(nodes)), form(nodes[:1]))
    assert gone.pipelines == ()
    assert [p.epoch for p in advance(gone, form(nodes)).pipelines] == [2]
