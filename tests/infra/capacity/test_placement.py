from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.placement import (
    ASSUMED_RUNTIME_BYTES,
    DTYPE_BYTES,
    ModelShape,
    balanced_split,
    parse_split,
    pipelined_gain,
    shared_split,
    stage_memory_bytes,
    stage_ranges,
    stage_read_parameters,
    stage_weight_bytes,
)
from infra.errors import ConfigError

# DeepSeek-R1-Distill-Qwen-1.5B, from its config.json
QWEN_INSPECTION: dict[str, object] = {
    "id": "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
    "path": "/models/r1",
    "revision": "main",
    "family": "qwen2",
    "layers": 28,
    "hidden": 1_536,
    "vocab": 151_936,
    "tied": False,
    "intermediate": 8_960,
    "heads": 12,
    "kv_heads": 2,
    "head_dim": 128,
    "context_tokens": 131_072,
    "dtype": "bfloat16",
    "parameters": 1_777_088_000,
    "bytes": 3_554_214_752,
    "layer_parameters": 46_797_824,
    "embedding_parameters": 151_936 * 1_536,
    "head_parameters": 151_936 * 1_536,
    "demo": False,
}
QWEN = ModelShape.from_inspection(QWEN_INSPECTION)


def demo_sized(**changes: object) -> ModelShape:
    """Sixteen small layers with a tied head lighter than one of them."""
    shape = replace(
        QWEN,
        layers=16,
        hidden=128,
        tied=True,
        layer_parameters=150_000,
        embedding_parameters=1_000 * 128,
        head_parameters=0,
        kv_heads=2,
        head_dim=32,
    )
    return replace(shape, **changes)


def shapes() -> st.SearchStrategy[ModelShape]:
    return st.builds(
        demo_sized,
        layers=st.integers(1, 12),
        layer_parameters=st.integers(1, 10_000),
        embedding_parameters=st.integers(0, 100_000),
        tied=st.booleans(),
        head_parameters=st.integers(0, 100_000),
        hidden=st.integers(1, 64),
    )


def test_the_fixtures_parameters_add_up() -> None:
    tables = QWEN.embedding_parameters + QWEN.head_parameters
    assert 28 * QWEN.layer_parameters + tables + QWEN.hidden == QWEN.parameters


def test_the_balanced_cut_counts_the_head_as_five_layers() -> None:
    assert QWEN.lm_head_parameters / QWEN.layer_parameters == pytest.approx(5, abs=0.05)
    assert balanced_split(QWEN, 2) in {(16,), (17,)}


def test_a_fixed_30_70_cut_wastes_a_pipeline() -> None:
    assert pipelined_gain(QWEN, (10,)) == pytest.approx(1.44, abs=0.01)
    assert pipelined_gain(QWEN, (16,)) == pytest.approx(1.94, abs=0.01)
    assert pipelined_gain(QWEN, (17,)) == pytest.approx(1.94, abs=0.01)


def test_the_guides_share_counts_the_head_as_layers() -> None:
    assert shared_split(QWEN, 0.3) == (10,)
    assert QWEN.lm_head_layers == pytest.approx(4.99, abs=0.01)


@given(shape=shapes(), share=st.floats(0, 1))
def test_any_share_leaves_both_stages_a_layer(shape: ModelShape, share: float) -> None:
    if shape.layers == 1:
        with pytest.raises(ConfigError, match="has one layer"):
            shared_split(shape, share)
    else:
        (cut,) = shared_split(shape, share)
        assert 1 <= cut <= shape.layers - 1


def test_sixteen_layers_with_a_light_head_are_cut_as_the_guide_draws_it() -> None:
    shape = demo_sized()
    assert balanced_split(shape, 2) == parse_split("8", 16, 2) == (8,)
    assert stage_ranges((8,), 16) == ((0, 8), (8, 16))


def test_of_two_equal_cuts_the_stage_that_samples_gets_the_smaller_part() -> None:
    head_like_a_layer = demo_sized(
        layers=4, layer_parameters=10, hidden=10, tied=False, head_parameters=0
    )
    assert stage_read_parameters(head_like_a_layer, (2,)) == (20, 30)
    assert stage_read_parameters(head_like_a_layer, (3,)) == (30, 20)
    assert balanced_split(head_like_a_layer, 2) == (3,)


def test_one_stage_has_no_cut() -> None:
    assert balanced_split(QWEN, 1) == ()
    assert stage_ranges((), 28) == ((0, 28),)
    assert pipelined_gain(QWEN, ()) == 1


@pytest.mark.parametrize("stages", [0, -1, 29])
def test_stages_that_layers_cannot_fill_are_refused(stages: int) -> None:
    with pytest.raises(ConfigError, match="28 layers"):
        balanced_split(QWEN, stages)


@given(shape=shapes(), stages=st.integers(1, 5))
def test_no_other_cut_has_a_lighter_heaviest_stage(shape: ModelShape, stages: int) -> None:
    stages = min(stages, shape.layers)
    every = combinations(range(1, shape.layers), stages - 1)
    lightest = min(max(stage_read_parameters(shape, cuts)) for cuts in every)
    assert max(stage_read_parameters(shape, balanced_split(shape, stages))) == lightest


@given(shape=shapes(), stages=st.integers(1, 5))
def test_stages_cover_the_layers_once_and_in_order(shape: ModelShape, stages: int) -> None:
    stages = min(stages, shape.layers)
    ranges = stage_ranges(balanced_split(shape, stages), shape.layers)
    assert len(ranges) == stages
    assert [layer for first, end in ranges for layer in range(first, end)] == list(
        range(shape.layers)
    )
    assert all(first < end for first, end in ranges)


@given(shape=shapes(), stages=st.integers(1, 5))
def test_the_gain_lies_between_one_and_the_stages(shape: ModelShape, stages: int) -> None:
    stages = min(stages, shape.layers)
    assert 1 <= pipelined_gain(shape, balanced_split(shape, stages)) <= stages + 1e-9


@pytest.mark.parametrize(("text", "cuts"), [("8", (8,)), ("5,10", (5, 10)), (" 5 , 10 ", (5, 10))])
def test_a_pinned_split(text: str, cuts: tuple[int, ...]) -> None:
    assert parse_split(text, 16) == cuts


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0", "outside 1 to 15"),
        ("16", "outside 1 to 15"),
        ("-3", "not a layer's number"),
        ("8.5", "not a layer's number"),
        ("", "not a layer's number"),
        ("5,,10", "not a layer's number"),
        ("\uff18", "not a layer's number"),
        ("9" * 5_000, "not a layer's number"),
        ("10,5", "do not ascend"),
        ("5,5", "do not ascend"),
    ],
)
def test_a_bad_split_is_refused_with_its_range(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        parse_split(text, 16)
    assert "1 to 15" in caught.value.hint


def test_a_split_for_other_stages_is_refused() -> None:
    with pytest.raises(ConfigError, match="makes 2 stages, not 3"):
        parse_split("8", 16, 3)


@given(data=st.data(), layers=st.integers(2, 80))
def test_what_is_printed_is_parsed_again(data: st.DataObject, layers: int) -> None:
    chosen = data.draw(st.sets(st.integers(1, layers - 1), min_size=1, max_size=4))
    cuts = tuple(sorted(chosen))
    assert parse_split(",".join(map(str, cuts)), layers, len(cuts) + 1) == cuts


def test_an_untied_models_stages_hold_each_weight_once() -> None:
    parts = [stage_weight_bytes(QWEN, *part, dtype_bytes=2) for part in ((0, 16), (16, 28))]
    assert sum(parts) == QWEN.parameters * 2
    assert stage_weight_bytes(QWEN, 0, 28, dtype_bytes=2) == QWEN.parameters * 2


def test_a_tied_model_holds_its_table_on_both_ends_but_once_when_whole() -> None:
    shape = demo_sized()
    halves = [stage_weight_bytes(shape, *part, dtype_bytes=4) for part in ((0, 8), (8, 16))]
    whole = stage_weight_bytes(shape, 0, 16, dtype_bytes=4)
    assert sum(halves) - whole == shape.embedding_parameters * 4


def test_a_middle_stage_holds_layers_only() -> None:
    assert stage_weight_bytes(QWEN, 10, 20, dtype_bytes=2) == 10 * QWEN.layer_parameters * 2


def test_memory_is_weights_cache_and_runtime() -> None:
    memory = stage_memory_bytes(QWEN, 0, 14, dtype_bytes=2, slots=8, context_tokens=4_096)
    weights = stage_weight_bytes(QWEN, 0, 14, dtype_bytes=2)
    cache = 14 * (2 * 2 * 128) * 4_096 * 8 * 2
    assert memory == weights + cache + ASSUMED_RUNTIME_BYTES


def test_dtypes_by_their_size() -> None:
    assert DTYPE_BYTES == {"float32": 4, "bfloat16": 2, "float16": 2}


@pytest.mark.parametrize("key", sorted(QWEN_INSPECTION))
def test_an_inspection_without_a_key_is_refused_by_name(key: str) -> None:
    partial = {name: value for name, value in QWEN_INSPECTION.items() if name != key}
    with pytest.raises(ConfigError, match=f"'{key}' is missing"):
        ModelShape.from_inspection(partial)


@pytest.mark.parametrize(
    ("key", "value"), [("layers", "28"), ("layers", True), ("tied", 1), ("id", 5), ("hidden", None)]
)
def test_an_inspection_of_another_type_is_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"'{key}' is {value!r}, not"):
        ModelShape.from_inspection({**QWEN_INSPECTION, key: value})


def test_a_model_without_layers_is_refused() -> None:
    with pytest.raises(ConfigError, match="layers is 0"):
        ModelShape.from_inspection({**QWEN_INSPECTION, "layers": 0})


def test_keys_of_a_later_inspection_are_left() -> None:
    assert ModelShape.from_inspection({**QWEN_INSPECTION, "experts": 0}) == QWEN
