from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.layouts import Kind, Node, Workload, layout, machine_dtype
from infra.capacity.placement import (
    ModelShape,
    balanced_split,
    guide_split,
    pipelined_gain,
    stage_weight_bytes,
)
from infra.capacity.shapes import DEEPSEEK_1_5B, shape_of_config
from infra.capacity.topology import topology_advice
from infra.errors import ConfigError
from infra.machines import MACHINES

G4DN, N1 = MACHINES["g4dn.xlarge"], MACHINES["n1-standard-4"]


def llama(layers: int, hidden: int = 4096, *, tied: bool = False) -> ModelShape:
    return shape_of_config(
        {
            "model_type": "llama",
            "hidden_size": hidden,
            "intermediate_size": 7 * hidden // 2,
            "num_hidden_layers": layers,
            "num_attention_heads": hidden // 128,
            "num_key_value_heads": 8,
            "vocab_size": 128_256,
            "max_position_embeddings": 131_072,
            "tie_word_embeddings": tied,
        },
        source=f"llama of {layers}",
    )


shapes = st.builds(
    llama, st.integers(2, 90), st.sampled_from([1024, 4096, 8192]), tied=st.booleans()
)
works = st.builds(
    Workload,
    context_tokens=st.sampled_from([256, 4_096, 32_768]),
    sequences=st.integers(1, 500),
    nodes=st.integers(2, 8),
)
machines = st.sampled_from([G4DN, N1])


def test_the_guides_model_fits_one_t4_and_is_best_left_whole() -> None:
    advice = topology_advice(DEEPSEEK_1_5B, G4DN, Workload(), Decimal("0.526"))
    whole, balanced, guide = advice.layouts
    assert advice.recommended is whole
    assert [layout.kind for layout in advice.layouts] == [Kind.REPLICAS, Kind.BALANCED, Kind.GUIDE]
    assert advice.dtype == "float16"
    assert advice.least_stages == 1
    assert [stage.end_layer - stage.first_layer for stage in balanced.stages] == [16, 12]
    assert [stage.end_layer - stage.first_layer for stage in guide.stages] == [10, 18]
    assert whole.tokens_per_second > balanced.tokens_per_second > guide.tokens_per_second
    assert "fits one g4dn.xlarge (3.3 of 14.4 GiB)" in advice.reason


def test_a_step_reads_the_weights_and_half_the_caches() -> None:
    node = Node.of(DEEPSEEK_1_5B, G4DN, Workload(context_tokens=1_000))
    (whole,) = node.stages(())
    read = 2 * (DEEPSEEK_1_5B.parameters - DEEPSEEK_1_5B.embedding_parameters)
    assert whole.kv_bytes_per_token == 28 * 2 * 2 * 128 * 2
    assert node.step_seconds(whole, 1) == pytest.approx((read + 28_672 * 500) / 300e9)
    # of short texts, so many at once that arithmetic takes longer than memory
    short = Node.of(DEEPSEEK_1_5B, G4DN, Workload(context_tokens=10))
    assert short.step_seconds(whole, 10_000) == pytest.approx(read / 2 * 2 * 10_000 / 65e12)


def test_a_token_of_a_pipeline_waits_for_two_hops() -> None:
    advice = topology_advice(DEEPSEEK_1_5B, G4DN, Workload())
    whole, balanced, _ = advice.layouts
    assert balanced.token_seconds - whole.token_seconds == pytest.approx(0.0026)


def test_a_price_is_by_the_token() -> None:
    advice = topology_advice(DEEPSEEK_1_5B, G4DN, Workload(), Decimal("0.526"))
    whole = advice.layouts[0]
    assert whole.usd_per_million_tokens is not None
    an_hour = float(whole.usd_per_million_tokens) * whole.tokens_per_second * 3600 / 1e6
    assert an_hour == pytest.approx(2 * 0.526)
    unpriced = topology_advice(DEEPSEEK_1_5B, G4DN, Workload())
    assert unpriced.layouts[0].usd_per_million_tokens is None


def test_what_does_not_fit_whole_is_split_over_the_fewest_nodes() -> None:
    advice = topology_advice(llama(80, 8192), G4DN, Workload())
    assert advice.least_stages == 12
    assert advice.recommended is not None
    assert advice.recommended.kind is Kind.BALANCED
    assert advice.recommended.nodes == 12
    assert not advice.layouts[0].fits
    assert advice.layouts[0].token_seconds == math.inf
    assert "12 are the fewest that hold it" in advice.reason


def test_more_nodes_than_a_copy_needs_hold_several() -> None:
    advice = topology_advice(llama(32), G4DN, Workload(nodes=7))
    assert advice.least_stages == 2
    assert advice.recommended is not None
    assert (advice.recommended.copies, advice.recommended.nodes) == (3, 6)


def test_what_fits_nowhere_is_said() -> None:
    advice = topology_advice(llama(2, 8192), G4DN, Workload(context_tokens=10_000_000))
    assert advice.recommended is None
    assert advice.least_stages is None
    assert advice.reason.endswith("no number of them does")


def test_machines_have_their_own_format() -> None:
    assert machine_dtype(G4DN) == "float16"
    assert machine_dtype(N1) == "float32"
    with pytest.raises(ConfigError, match="a T4 has no bfloat16"):
        topology_advice(DEEPSEEK_1_5B, G4DN, Workload(dtype="bfloat16"))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"sequences": 0}, "sequences is 0"),
        ({"context_tokens": 0}, "context_tokens is 0"),
        ({"nodes": 1}, "nodes is 1"),
        ({"dtype": "int8"}, "dtype 'int8' is unknown"),
    ],
)
def test_work_that_cannot_be_is_refused(wrong: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        Workload(**wrong)  # type: ignore[arg-type]


def test_one_layer_has_no_pipeline() -> None:
    advice = topology_advice(llama(1), G4DN, Workload())
    assert [layout.kind for layout in advice.layouts] == [Kind.REPLICAS]
    with pytest.raises(ConfigError, match="has one layer"):
        guide_split(llama(1))


@given(shapes, st.integers(2, 6))
def test_stages_hold_the_model_and_what_both_ends_share(shape: ModelShape, stages: int) -> None:
    cuts = balanced_split(shape, min(stages, shape.layers))
    node = Node.of(shape, G4DN, Workload())
    together = sum(stage.weight_bytes for stage in node.stages(cuts))
    again = shape.embedding_parameters if shape.tied else 0
    whole = stage_weight_bytes(shape, 0, shape.layers, dtype_bytes=2)
    assert together == whole + 2 * again


@given(shapes)
def test_no_cut_gains_more_than_the_balanced_one(shape: ModelShape) -> None:
    best = pipelined_gain(shape, balanced_split(shape, 2))
    assert all(pipelined_gain(shape, (cut,)) <= best + 1e-9 for cut in range(1, shape.layers))
    assert pipelined_gain(shape, guide_split(shape)) <= best + 1e-9


@given(shapes, machines, st.sampled_from([256, 4_096]), st.integers(1, 300))
def test_a_longer_context_never_fits_more(
    shape: ModelShape, machine: object, context: int, sequences: int
) -> None:
    def held(tokens: int) -> list[int]:
        work = Workload(context_tokens=tokens, sequences=sequences)
        node = Node.of(shape, G4DN if machine is G4DN else N1, work)
        return [layout(node, Kind.BALANCED, balanced_split(shape, 2), 2).sequences]

    assert held(2 * context) <= held(context)


@given(shapes, machines, works)
def test_copies_outrun_a_pipeline_that_holds_no_more(
    shape: ModelShape, machine: object, work: Workload
) -> None:
    advice = topology_advice(shape, G4DN if machine is G4DN else N1, work)
    whole = advice.layouts[0]
    for other in advice.layouts[1:]:
        if whole.fits and other.sequences <= whole.sequences:
            assert whole.tokens_per_second >= other.tokens_per_second * (1 - 1e-9)


@given(shapes, machines, works)
def test_one_stage_less_than_the_least_does_not_fit(
    shape: ModelShape, machine: object, work: Workload
) -> None:
    kind = G4DN if machine is G4DN else N1
    advice = topology_advice(shape, kind, work)
    assert (advice.recommended is None) == (advice.least_stages is None)
    if advice.least_stages is not None and advice.least_stages > 1:
        stages = Node.of(shape, kind, work).stages(balanced_split(shape, advice.least_stages - 1))
        assert min(stage.room for stage in stages) == 0
