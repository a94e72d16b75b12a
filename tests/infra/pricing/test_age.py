from __future__ import annotations

from datetime import date

import pytest

from infra.pricing.age import age, is_date

TODAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("dated", "expected"),
    [
        ("2025-11-30", "359 days"),
        ("2026-11-23", "1 day"),
        ("2026-11-24", "0 days"),
        ("2027-01-01", "0 days"),
        ("2025-09", "14 months"),
        ("2026-10", "1 month"),
        ("2027-01", "0 months"),
    ],
)
def test_an_age_is_in_the_unit_of_its_date(dated: str, expected: str) -> None:
    assert age(dated, TODAY) == expected


@pytest.mark.parametrize("text", ["2025-13", "2025-02-30", "20250101", "2025", "2025-1-1", ""])
def test_only_dates_of_the_calendar_count(text: str) -> None:
    assert not is_date(text)


def test_months_and_days_are_dates() -> None:
    assert is_date("2024-02")
    assert is_date("2024-02-29")
