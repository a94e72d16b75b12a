from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import RemoteError
from provision.fleet.drift import Drift, Field, drifts, drifts_at_rest
from provision.report.drift import render_drift


def document(
    before: Any, after: Any, *, actions: tuple[str, ...] = ("update",), secret: Any = False
) -> dict[str, Any]:
    change = {
        "actions": list(actions), "before": before, "after": after,
        "before_sensitive": secret, "after_sensitive": secret,
    }  # fmt: skip
    return {"resource_drift": [{"address": "aws_instance.a", "mode": "managed", "change": change}]}


def found_in(text: Any) -> tuple[Drift, ...]:
    return drifts("s", text, {"aws_instance.a": ("desired_capacity",)})


def fields(before: Any, after: Any, secret: Any = False) -> tuple[Field, ...]:
    return tuple(
        field for each in found_in(document(before, after, secret=secret)) for field in each.fields
    )


def test_a_changed_field_is_named_with_both_values() -> None:
    before = {"type": "a", "disk": [{"size": 50}], "tags": {"x": "1"}}
    after = {"type": "b", "disk": [{"size": 80}], "tags": {"x": "1", "y": "2"}}
    assert [(each.path, each.before, each.after) for each in fields(before, after)] == [
        ("disk[0].size", "50", "80"),
        ("tags.y", "nothing", "2"),
        ("type", "a", "b"),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"tags": None}, {"tags": {}}),
        ({"a": ""}, {"a": None}),
        ({"a": []}, {}),
        ({"n": 1}, {"n": 1}),
    ],
)
def test_another_notation_is_no_drift(before: Any, after: Any) -> None:
    assert found_in(document(before, after)) == ()


def test_what_others_may_change_is_no_drift() -> None:
    before = {"desired_capacity": 4, "latest_restorable_time": "23:37", "max_size": 9}
    after = {"desired_capacity": 7, "latest_restorable_time": "23:42", "max_size": 8}
    assert [each.path for each in fields(before, after)] == ["max_size"]


def test_that_a_stopped_fleet_rests_is_no_drift() -> None:
    before = {"instance_state": "running", "type": "a", "suspended_processes": []}
    after = {"instance_state": "stopped", "type": "b", "suspended_processes": ["Launch"]}
    (drift,) = drifts_at_rest(found_in(document(before, after)))
    assert [each.path for each in drift.fields] == ["type"]
    assert drifts_at_rest(found_in(document(before, {**after, "type": "a"}))) == ()


def test_a_tag_is_named_once() -> None:
    before = {"tags": {"a": "1"}, "tags_all": {"a": "1", "ours": "x"}}
    after = {"tags": {"a": "2"}, "tags_all": {"a": "2", "ours": "y"}}
    assert [each.path for each in fields(before, after)] == ["tags.a", "tags_all.ours"]


def test_zero_and_false_are_values() -> None:
    assert [each.path for each in fields({"a": 0, "b": False}, {"a": 1, "b": True})] == ["a", "b"]
    assert [each.after for each in fields({"a": True}, {"a": False})] == ["False"]


def test_what_is_gone_is_said_to_be() -> None:
    (found,) = found_in(document({"a": 1}, None, actions=("delete",)))
    assert found.gone
    assert "gone" in render_drift([found])


@pytest.mark.parametrize("secret", [True, {"password": True}])
def test_a_secret_stays_one(secret: Any) -> None:
    before, after = {"password": "old-secret"}, {"password": "new-secret"}
    (found,) = fields(before, after, secret)
    assert "secret" not in f"{found.before}{found.after}".replace("(secret)", "")


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_what_is_the_same_has_not_drifted(value: Any) -> None:
    assert found_in(document(value, value)) == ()


@pytest.mark.parametrize(
    "text", [{"resource_drift": [{}]}, {"resource_drift": 3}, {"resource_drift": "x"}]
)
def test_no_document_is_refused(text: Any) -> None:
    with pytest.raises(RemoteError):
        found_in(text)
