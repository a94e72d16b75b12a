"""How old a dated price is."""

from __future__ import annotations

import re
from datetime import date

_MONTH = re.compile(r"\d{4}-\d{2}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def is_date(text: str) -> bool:
    """Return whether a text is a month or a day of the calendar."""
    if not _MONTH.fullmatch(text) and not _DAY.fullmatch(text):
        return False
    try:
        _first_day(text)
    except ValueError:
        return False
    return True


def age(dated: str, today: date) -> str:
    """Return how long ago a price was taken: whole days, or months if only its month is known.

    Args:
        dated: Year-month or year-month-day; one that is still to come is 0 old.
        today: The day to count to.
    """
    then = _first_day(dated)
    if _MONTH.fullmatch(dated):
        count, unit = (today.year - then.year) * 12 + today.month - then.month, "month"
    else:
        count, unit = (today - then).days, "day"
    count = max(0, count)
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _first_day(text: str) -> date:
    return date.fromisoformat(f"{text}-01" if _MONTH.fullmatch(text) else text)
