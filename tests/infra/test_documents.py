from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest

from infra.documents import from_json, to_json
from infra.errors import ConfigError


@dataclass(frozen=True)
class Inner:
    price: Decimal


@dataclass(frozen=True)
class Outer:
    name: str
    inner: tuple[Inner, ...]
    note: str = ""


VALUE = Outer("a", (Inner(Decimal("0.1")), Inner(Decimal("1e-9"))))


def test_a_value_survives_to_the_last_digit() -> None:
    assert from_json(Outer, to_json(VALUE), source="s") == VALUE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (to_json(VALUE)[:-9], "s: not JSON"),
        (b"\xff\xfe", "s: not JSON"),
        ("[" * 100_000, "s: not JSON: nested too deeply"),
        ("3", "s: not a JSON object"),
        ('{"name": "a", "name": "b"}', "s: 'name' stands twice"),
        ('{"name": "a"}', "s: 'inner' is missing"),
        ('{"name": "a", "inner": [{"prize": "1"}]}', "did you mean 'price'"),
        ('{"name": "a", "inner": [{"price": "x"}]}', "s: 'inner.0.price' is 'x'"),
        ('{"name": 1, "inner": []}', "s: 'name' is 1"),
    ],
)
def test_a_damaged_document_is_one_line(text: str | bytes, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_json(Outer, text, source="s")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
