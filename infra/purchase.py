"""The ways to buy an instance."""

from __future__ import annotations

from enum import StrEnum

from infra.domain import unknown


class Purchase(StrEnum):
    """A term and how much of it is paid upfront; reserved is the standard class."""

    ON_DEMAND = "on-demand"
    RESERVED_1Y_NO = "reserved-1y-no"
    RESERVED_1Y_PARTIAL = "reserved-1y-partial"
    RESERVED_1Y_ALL = "reserved-1y-all"
    RESERVED_3Y_NO = "reserved-3y-no"
    RESERVED_3Y_PARTIAL = "reserved-3y-partial"
    RESERVED_3Y_ALL = "reserved-3y-all"
    SPOT = "spot"

    @property
    def is_reserved(self) -> bool:
        """Whether the hours are paid for, used or not."""
        return self.value.startswith("reserved")

    @property
    def years(self) -> int:
        """Length of the commitment; 0 without one."""
        return int(self.value.split("-")[1][0]) if self.is_reserved else 0


def purchase_named(name: str) -> Purchase:
    """Return the purchase option of this name.

    Raises:
        ConfigError: There is none; the nearest and all options are named.
    """
    try:
        return Purchase(name)
    except ValueError:
        raise unknown("purchase option", name, Purchase) from None
