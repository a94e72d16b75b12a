from __future__ import annotations

from typing import Any

import pytest

agreement = pytest.importorskip("bench.agreement", reason="a source distribution has no bench")


@pytest.mark.parametrize(
    ("ours", "theirs", "found"),
    [
        ({"//": {"path": "a"}, "a": 1}, {"//": {}, "a": 1}, []),
        ({"a": {"b": 1}}, {"a": [{"b": 1}]}, [("a", "spelling")]),
        ({"a": {"b": 1}}, {"a": [{"b": 2}]}, [("a", "spelling"), ("a.b", "meaning")]),
        ({"a": {"b": 1}}, {"a": [{"b": 1}, {"b": 2}]}, [("a", "meaning")]),
        ({"a": {"b": 1}}, {"a": [1]}, [("a", "meaning")]),
        (
            {"p": {"source": "hashicorp/aws"}},
            {"p": {"source": "aws"}},
            [("p.source", "spelling")],
        ),
        ({"a": "hashicorp/aws"}, {"a": "aws"}, [("a", "meaning")]),
        ({"a": [1, 2], "b": None}, {"a": [1, True]}, [("a[1]", "meaning"), ("b", "meaning")]),
        ({"a": 1}, {"a": True}, [("a", "meaning")]),
        ({"a": [1]}, {"a": [1, 2]}, [("a", "meaning")]),
    ],
)
def test_what_differs_is_named_and_weighed(
    ours: Any, theirs: Any, found: list[tuple[str, str]]
) -> None:
    assert [(each.path, each.how) for each in agreement.differences(ours, theirs)] == found


def test_metadata_counts_for_nothing() -> None:
    assert agreement.values({"//": {"a": 1}, "a": {"b": [1, None]}, "c": "d"}) == 3
