"""Units shared by the formulas."""

from __future__ import annotations

MIB = 1024**2
GIB = 1024**3

SECONDS_PER_HOUR = 3_600
HOURS_PER_DAY = 24
SECONDS_PER_DAY = 86_400

HOURS_PER_MONTH = 730  # as the clouds count
HOURS_PER_YEAR = 8_760
