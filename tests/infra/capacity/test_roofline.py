from __future__ import annotations

from dataclasses import replace

import pytest

from infra.capacity.roofline import (
    Load,
    best_dtype,
    device_of,
    sequences_held,
    stage_bytes,
    step_seconds,
)
from infra.capacity.shapes import DEEPSEEK_1_5B
from infra.errors import ConfigError
from infra.machines import T4, machine_named
from infra.units import GIB

GPU = machine_named("g4dn.xlarge")
CPU = machine_named("n1-standard-4")
LOAD = Load(dtype="float16", context_tokens=4096, sequences=8)


def test_a_machine_takes_16_bits_only_where_it_has_them() -> None:
    assert best_dtype(GPU) == "float16"
    assert best_dtype(CPU) == "float32"
    assert best_dtype(replace(GPU, gpu=replace(T4, bfloat16=True))) == "bfloat16"


def test_a_format_without_units_is_computed_as_float32() -> None:
    assert device_of(GPU, "float16").flops_per_second == 65e12
    assert device_of(GPU, "bfloat16").flops_per_second == 8.1e12
    assert device_of(GPU, "float32").flops_per_second == 8.1e12
    assert device_of(CPU, "bfloat16") == device_of(CPU, "float32")
    assert device_of(CPU, "float32").usable_bytes == int(15 * GIB * 0.9)


def test_few_sequences_wait_for_memory() -> None:
    device = device_of(GPU, "float16")
    shape = DEEPSEEK_1_5B
    read = shape.parameters - shape.embedding_parameters
    cache = shape.layers * shape.kv_elements_per_token * 4096
    (alone,) = step_seconds(shape, (), LOAD, device, batch=1)
    assert alone == pytest.approx(2 * (read + cache) / 300e9)
    assert alone == pytest.approx(0.0107, abs=0.0001)


def test_many_sequences_wait_for_arithmetic() -> None:
    device = device_of(CPU, "float32")
    short = Load(dtype="float32", context_tokens=1, sequences=1_000)
    (step,) = step_seconds(DEEPSEEK_1_5B, (), short, device, batch=1_000)
    read = DEEPSEEK_1_5B.parameters - DEEPSEEK_1_5B.embedding_parameters
    attention = 4 * 28 * 12 * 128
    assert step == pytest.approx(1_000 * (2 * read + attention) / device.flops_per_second)


def test_sequences_fill_what_weights_and_runtime_leave() -> None:
    device = device_of(GPU, "float16")
    held = sequences_held(DEEPSEEK_1_5B, (), LOAD, device)
    assert stage_bytes(DEEPSEEK_1_5B, (0, 28), LOAD, slots=held) <= device.usable_bytes
    assert stage_bytes(DEEPSEEK_1_5B, (0, 28), LOAD, slots=held + 1) > device.usable_bytes


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"dtype": "float61"}, "dtype 'float61' is unknown; did you mean 'float16'"),
        ({"sequences": 0}, "sequences is 0"),
        ({"sequences": 10**9}, "sequences is 1000000000"),
        ({"context_tokens": 0}, "context is 0"),
        ({"context_tokens": -5}, "context is -5"),
    ],
)
def test_an_impossible_load_is_refused(changes: dict, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        replace(LOAD, **changes)
