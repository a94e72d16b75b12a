from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from infra.capacity.fitting import fewest_stages_split
from infra.capacity.layouts import Case, LayoutKind, best_of, pipeline, replicas
from infra.capacity.placement import (
    ASSUMED_RUNTIME_BYTES,
    ModelShape,
    balanced_split,
    pipelined_gain,
)
from infra.capacity.roofline import Device, Load, best_dtype, sequences_held, stage_bytes
from infra.capacity.shapes import DEEPSEEK_1_5B, shape_of_config
from infra.capacity.topology import Advice, advise, cheapest, guide_split, named_split
from infra.errors import ConfigError
from infra.machines import MACHINES, machine_named

GPU = machine_named("g4dn.xlarge")


def llama(layers: int, hidden: int, intermediate: int, heads: int) -> ModelShape:
    return shape_of_config(
        {
            "model_type": "llama",
            "num_hidden_layers": layers,
            "hidden_size": hidden,
            "intermediate_size": intermediate,
            "num_attention_heads": heads,
            "num_key_value_heads": 8,
            "vocab_size": 128_256,
            "max_position_embeddings": 131_072,
        },
        source="llama/config.json",
    )


LLAMA_8B = llama(32, 4096, 14_336, 32)
LLAMA_70B = llama(80, 8192, 28_672, 64)


def load(**changes: object) -> Load:
    return replace(Load(dtype="float16", context_tokens=4096, sequences=8), **changes)


def advice(shape: ModelShape = DEEPSEEK_1_5B, **changes: object) -> Advice:
    return advise(shape, GPU, load(**changes), usd_per_hour=Decimal("0.526"))


def layout(found: Advice, kind: LayoutKind, nodes: int):
    return next(x for x in found.layouts if (x.kind, x.nodes) == (kind, nodes))


# --- known models


def test_a_model_that_fits_is_served_by_replicas() -> None:
    found = advice()
    assert found.recommended == layout(found, LayoutKind.REPLICAS, 1)
    assert "a node holds the model whole with all 8 sequences" in found.reason
    assert "two answer 675 tokens/s, 1.04 x the 647 of a balanced pipeline" in found.reason


def test_the_guides_model_on_two_nodes() -> None:
    found = advice()
    two = layout(found, LayoutKind.REPLICAS, 2)
    even = layout(found, LayoutKind.BALANCED, 2)
    guide = layout(found, LayoutKind.GUIDE, 2)
    assert (even.layers, guide.layers) == ((16, 12), (10, 18))
    assert (two.gain, even.gain, guide.gain) == pytest.approx((2, 1.94, 1.44), abs=0.01)
    assert two.tokens_per_second > even.tokens_per_second > guide.tokens_per_second
    assert two.token_seconds < even.token_seconds == pytest.approx(guide.token_seconds)
    assert two.usd_per_million_tokens < even.usd_per_million_tokens
    hourly = Decimal(2) * Decimal("0.526") / Decimal(two.tokens_per_second * 0.0036)
    assert two.usd_per_million_tokens == pytest.approx(hourly, abs=Decimal("0.0001"))


def test_a_model_too_large_for_a_node_is_cut_into_the_fewest_stages() -> None:
    found = advice(LLAMA_8B)
    assert not layout(found, LayoutKind.REPLICAS, 1).fits
    assert found.recommended == layout(found, LayoutKind.BALANCED, 2)
    assert "whole it takes 15.8 GiB with one sequence" in found.reason
    assert "2 stages are the fewest that hold all 8 sequences" in found.reason


def test_a_model_too_large_for_four_nodes_gets_as_many_as_it_needs() -> None:
    found = advice(LLAMA_70B)
    assert not any(x.fits for x in found.layouts if x.nodes <= 4)
    assert found.recommended is not None
    assert found.recommended.nodes == 11
    assert found.recommended.kind is LayoutKind.FITTED
    assert layout(found, LayoutKind.REPLICAS, 11).sequences == 0


def test_where_the_first_stage_is_short_of_room_the_others_share_evenly() -> None:
    # The embedding table leaves the first of three stages two layers of the twelve of a node.
    shape = replace(
        DEEPSEEK_1_5B,
        layers=20,
        layer_parameters=1_000_000,
        embedding_parameters=10_000_000,
        head_parameters=0,
        hidden=64,
    )
    device = Device(
        name="any",
        memory_bytes=10**9,
        usable_bytes=ASSUMED_RUNTIME_BYTES + 12 * 2_001_024,
        bytes_per_second=1e9,
        flops_per_second=1e12,
    )
    short = load(context_tokens=1, sequences=1)
    assert fewest_stages_split(shape, short, device, sequences=1) == (2, 11)


def test_a_replica_has_room_for_its_largest_share_of_the_sequences() -> None:
    three = layout(advice(), LayoutKind.REPLICAS, 3)
    assert three.sequences == 8
    assert three.memory_bytes == (stage_bytes(DEEPSEEK_1_5B, (0, 28), load(), slots=3),)


def test_nothing_is_recommended_where_a_layer_does_not_fit() -> None:
    found = advice(llama(4, 65_536, 262_144, 64))
    assert found.recommended is None
    assert "no number of nodes holds it: one layer with one sequence takes" in found.reason


def test_a_pipeline_wins_where_replicas_have_no_room_for_caches() -> None:
    found = advice(replace(LLAMA_8B, layers=28), context_tokens=2048)
    assert layout(found, LayoutKind.REPLICAS, 1).sequences in range(1, 8)
    assert found.recommended == layout(found, LayoutKind.BALANCED, 2)
    same = layout(found, LayoutKind.REPLICAS, 2)
    assert found.recommended.tokens_per_second > same.tokens_per_second
    assert "of as many replicas" in found.reason


def test_one_layer_cannot_be_split() -> None:
    one = replace(DEEPSEEK_1_5B, layers=1)
    found = advise(one, GPU, load())
    assert [x.kind for x in found.layouts] == [LayoutKind.REPLICAS]
    assert "its one layer cannot be split" in found.reason


def test_a_pin_is_computed_beside_the_rest() -> None:
    found = advise(DEEPSEEK_1_5B, GPU, load(), pin=(8,))
    assert found.pinned == layout(found, LayoutKind.PINNED, 2)
    assert found.verdict_on_pin.startswith("1.32 x one node, the balanced split 1.94 x; ")
    guide = advise(DEEPSEEK_1_5B, GPU, load(), pin=guide_split(DEEPSEEK_1_5B))
    assert guide.pinned == layout(guide, LayoutKind.GUIDE, 2)
    six = advise(DEEPSEEK_1_5B, GPU, load(), pin=(5, 10, 15, 20, 25))
    assert six.pinned is not None
    assert layout(six, LayoutKind.BALANCED, 6).gain >= six.pinned.gain
    huge = advise(LLAMA_70B, GPU, load(), pin=(40,))
    assert huge.verdict_on_pin.endswith("; it does not fit")


@pytest.mark.parametrize(
    ("text", "cuts"),
    [("guide", (10,)), ("Balanced", (16,)), ("8", (8,)), ("5,10", (5, 10))],
)
def test_a_split_by_name_or_by_cuts(text: str, cuts: tuple[int, ...]) -> None:
    assert named_split(text, DEEPSEEK_1_5B) == cuts


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("30", "30 is outside 1 to 27"),
        ("gide", "split 'gide' is unknown; did you mean 'guide'"),
        ("", "'' is not a layer's number"),
        ("30/70", "'30/70' is not a layer's number"),
    ],
)
def test_a_split_that_is_none_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        named_split(text, DEEPSEEK_1_5B)


def test_a_context_longer_than_the_models_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"context is 131073: must be a number in \[1, 131072\]"):
        advice(context_tokens=131_073)


@pytest.mark.parametrize(
    ("machine", "dtype", "notes"),
    [
        ("g4dn.xlarge", "float16", ["float16 is its 16-bit format", "may overflow"]),
        ("g4dn.xlarge", "bfloat16", ["has no bfloat16: computed as float32"]),
        ("g4dn.xlarge", "float32", []),
        ("n1-standard-4", "float32", ["no cloud promises"]),
        ("n1-standard-4", "bfloat16", ["CPUs are taken to compute bfloat16"]),
    ],
)
def test_what_to_know_of_a_dtype_is_said(machine: str, dtype: str, notes: list[str]) -> None:
    found = advise(DEEPSEEK_1_5B, machine_named(machine), load(dtype=dtype)).notes
    assert len(found) == len(notes)
    assert all(part in note for part, note in zip(notes, found, strict=True))


def test_the_cheapest_machine_is_the_one_with_the_cheapest_tokens() -> None:
    found = [
        advise(DEEPSEEK_1_5B, each, load(dtype=best_dtype(each)), usd_per_hour=Decimal(usd))
        for each, usd in zip(MACHINES.values(), ("0.526", "0.19"), strict=True)
    ]
    assert cheapest(found) is found[0]
    assert cheapest([advise(DEEPSEEK_1_5B, GPU, load())]) is None


# --- properties


def shapes(layers: int = 10) -> st.SearchStrategy[ModelShape]:
    def shape(count: int, weights: list[int], tied: bool) -> ModelShape:
        layer, table = weights
        return replace(
            DEEPSEEK_1_5B,
            layers=count,
            layer_parameters=layer,
            embedding_parameters=table,
            head_parameters=table,
            tied=tied,
            hidden=64,
        )

    weights = st.lists(st.integers(1, 20_000_000), min_size=2, max_size=2)
    return st.builds(shape, st.integers(1, layers), weights, st.booleans())


def devices() -> st.SearchStrategy[Device]:
    def device(megabytes: int, bandwidth: float, flops: float) -> Device:
        usable = ASSUMED_RUNTIME_BYTES + megabytes * 1_000_000
        return Device(
            name="any",
            memory_bytes=2 * usable,
            usable_bytes=usable,
            bytes_per_second=bandwidth,
            flops_per_second=flops,
        )

    return st.builds(device, st.integers(0, 400), st.floats(1e8, 1e12), st.floats(1e8, 1e14))


def loads() -> st.SearchStrategy[Load]:
    return st.builds(
        Load,
        dtype=st.sampled_from(["float16", "float32"]),
        context_tokens=st.integers(1, 2_000),
        sequences=st.integers(1, 20),
    )


def cases() -> st.SearchStrategy[Case]:
    return st.builds(
        Case, shape=shapes(), device=devices(), load=loads(), usd_per_hour=st.just(Decimal("0.5"))
    )


def every_split(shape: ModelShape, stages: int) -> list[tuple[int, ...]]:
    return list(combinations(range(1, shape.layers), stages - 1))


def with_room(case: Case) -> Case:
    """The same on nodes that hold everything."""
    return replace(case, device=replace(case.device, usable_bytes=10**12))


@given(case=cases(), stages=st.integers(1, 5))
def test_memory_adds_up_over_the_stages(case: Case, stages: int) -> None:
    assume(stages <= case.shape.layers)
    case = with_room(case)
    split = pipeline(case, balanced_split(case.shape, stages), LayoutKind.BALANCED)
    whole = replicas(case, 1)
    twice = case.shape.embedding_parameters * case.load.dtype_bytes
    more = twice if case.shape.tied and stages > 1 else 0
    assert sum(split.weight_bytes) == sum(whole.weight_bytes) + more
    runtimes = (stages - 1) * ASSUMED_RUNTIME_BYTES
    assert sum(split.memory_bytes) == sum(whole.memory_bytes) + more + runtimes


@given(case=cases(), stages=st.integers(1, 4), more=st.integers(0, 2_000))
def test_more_context_never_fits_more_sequences(case: Case, stages: int, more: int) -> None:
    assume(stages <= case.shape.layers)
    cuts = balanced_split(case.shape, stages)
    longer = replace(case.load, context_tokens=case.load.context_tokens + more)
    held = sequences_held(case.shape, cuts, case.load, case.device)
    assert sequences_held(case.shape, cuts, longer, case.device) <= held


@given(case=cases(), stages=st.integers(2, 4))
def test_no_split_gains_more_than_the_balanced_one(case: Case, stages: int) -> None:
    assume(stages <= case.shape.layers)
    even = pipeline(case, balanced_split(case.shape, stages), LayoutKind.BALANCED)
    for cuts in every_split(case.shape, stages):
        assert pipeline(case, cuts, LayoutKind.PINNED).gain <= even.gain * (1 + 1e-12)


@given(case=cases(), data=st.data())
def test_replicas_answer_no_less_than_a_pipeline_of_as_many_sequences(
    case: Case, data: st.DataObject
) -> None:
    assume(case.shape.layers > 1)
    stages = data.draw(st.integers(2, min(4, case.shape.layers)))
    cuts = data.draw(st.sampled_from(every_split(case.shape, stages)))
    case = with_room(case)
    split, whole = pipeline(case, cuts, LayoutKind.PINNED), replicas(case, stages)
    assert split.sequences == whole.sequences == case.load.sequences
    assert whole.tokens_per_second >= split.tokens_per_second * (1 - 1e-9)
    assert whole.token_seconds <= split.token_seconds * (1 + 1e-9)
    assert whole.usd_per_million_tokens <= split.usd_per_million_tokens


@given(case=cases(), sequences=st.integers(1, 5), share=st.floats(0.1, 1))
def test_no_fewer_stages_hold_the_model_whatever_their_cuts(
    case: Case, sequences: int, share: float
) -> None:
    shape = case.shape
    whole = stage_bytes(shape, (0, shape.layers), case.load, slots=sequences)
    room = int(share * (whole - ASSUMED_RUNTIME_BYTES))
    device = replace(case.device, usable_bytes=ASSUMED_RUNTIME_BYTES + room)

    def holds(cuts: tuple[int, ...]) -> bool:
        return sequences_held(shape, cuts, case.load, device) >= sequences

    cuts = fewest_stages_split(shape, case.load, device, sequences=sequences)
    if cuts is None:
        every = range(1, shape.layers + 1)
        assert not any(holds(other) for stages in every for other in every_split(shape, stages))
        return
    assert holds(cuts)
    fewer = range(1, len(cuts) + 1)
    assert not any(holds(other) for stages in fewer for other in every_split(shape, stages))
    as_many = [other for other in every_split(shape, len(cuts) + 1) if holds(other)]
    fastest = max(pipelined_gain(shape, other) for other in as_many)
    assert pipelined_gain(shape, cuts) == pytest.approx(fastest)


@given(case=cases())
def test_the_recommended_layout_has_the_most_tokens_for_each_node(case: Case) -> None:
    found = [replicas(case, nodes) for nodes in (1, 2)]
    if case.shape.layers > 1:
        found.append(pipeline(case, balanced_split(case.shape, 2), LayoutKind.BALANCED))
    best = best_of(found)
    assert (best is None) == (not any(x.fits for x in found))
    for other in found if best else ():
        assert other.tokens_per_second_per_node <= best.tokens_per_second_per_node + 1e-8


@pytest.mark.parametrize("shape", [DEEPSEEK_1_5B, LLAMA_8B, LLAMA_70B], ids=lambda x: x.layers)
def test_replicas_stand_beside_every_pipeline(shape: ModelShape) -> None:
    found = advice(shape)
    alone = {x.nodes for x in found.layouts if not x.cuts}
    assert {x.nodes for x in found.layouts} == alone


def test_what_does_not_fit_has_neither_speed_nor_price() -> None:
    whole = advice(LLAMA_8B).layouts[0]
    assert whole.token_seconds is whole.tokens_per_second is whole.usd_per_million_tokens is None
    assert whole.tokens_per_second_per_node == 0
