"""Sampling is a pure function of logits, rules, seed and position."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from node_agent.shard.sampling import SamplingRules, sample, uniform

logits = st.lists(st.floats(-20, 20, allow_nan=False, width=32), min_size=1, max_size=40).map(
    lambda values: torch.tensor(values, dtype=torch.float32)
)
rules = st.builds(
    SamplingRules,
    temperature=st.floats(0.05, 5),
    top_p=st.floats(0.01, 1),
    top_k=st.integers(0, 50),
    seed=st.integers(0, 2**64 - 1),
)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**31))
def test_a_uniform_number_is_in_range_and_repeatable(seed, position):
    assert 0 <= uniform(seed, position) < 1
    assert uniform(seed, position) == uniform(seed, position)


def test_uniform_numbers_fill_the_interval_evenly():
    draws = [uniform(seed, position) for seed in range(50) for position in range(200)]
    counts = torch.histc(torch.tensor(draws), bins=10, min=0, max=1)
    chi_square = float(((counts - 1000) ** 2 / 1000).sum())
    assert chi_square < 27.9  # 99.9 % point for 9 degrees of freedom


@given(logits, rules, st.integers(0, 1000))
def test_the_choice_is_repeatable_and_inside_the_cuts(scores, rules, position):
    chosen = sample(scores, rules, position)
    assert chosen == sample(scores.clone(), rules, position)
    kept = scores[chosen]
    if rules.top_k:
        assert int((scores > kept).sum()) < rules.top_k
    mass = (scores / rules.temperature).softmax(0, dtype=torch.float64)
    assert float(mass[scores > kept].sum()) < rules.top_p + 1e-6


@given(logits, st.integers(0, 2**64 - 1))
def test_temperature_zero_takes_the_likeliest(scores, seed):
    assert sample(scores, SamplingRules(seed=seed), 0) == int(scores.argmax())


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_frequencies_follow_the_distribution(temperature):
    scores = torch.tensor([0.0, 1.0, 2.0, -1.0])
    expected = (scores / temperature).softmax(0)
    draws = 6_000
    counts = torch.zeros(4)
    for seed in range(draws):
        counts[sample(scores, SamplingRules(temperature=temperature, seed=seed), 3)] += 1
    error = (counts / draws - expected).abs().max()
    assert float(error) < 4 * math.sqrt(0.25 / draws)


@given(logits, st.floats(0, 1e-5, exclude_max=True))
def test_the_coldest_temperatures_take_the_likeliest_too(scores, temperature):
    assert sample(scores, SamplingRules(temperature=temperature), 0) == int(scores.argmax())
