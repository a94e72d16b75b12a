from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.rounding import whole_nodes, whole_nodes_each


@pytest.mark.parametrize(("load", "nodes"), [(0, 0), (0.1 * 3 * 10, 3), (3.001, 4), (1e-6, 1)])
def test_a_tenth_decimal_is_no_machine(load: float, nodes: int) -> None:
    assert whole_nodes(load) == nodes


@given(st.floats(1e-6, 1e12) | st.integers(0, 10**9).map(lambda n: n * 0.1 * 3))
def test_each_of_many_is_rounded_as_one(load: float) -> None:
    assert whole_nodes_each(np.array([load])).tolist() == [whole_nodes(load)]
