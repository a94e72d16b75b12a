"""Which values are allowed, and the error for one that is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar, cast

from infra.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

T = TypeVar("T")

# Of a name that becomes part of names in clouds. No hyphen at the end and no two in a row:
# databases and caches refuse such names.
SHAPE: Final = "[a-z][a-z0-9]*(-[a-z0-9]+)*"
_LONGEST_NAME = 80  # of what nobody knows; more is no name


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval of finite numbers."""

    low: float
    high: float

    def check(self, name: str, value: float | Decimal) -> None:
        """Pass a number inside the interval.

        Raises:
            ConfigError: The value is NaN, infinite or outside.
        """
        try:
            inside = self.low <= value <= self.high
        except (
            ArithmeticError
        ):  # a Decimal NaN refuses to be compared, a float NaN just is not less
            inside = False
        if not inside:
            raise ConfigError(f"{name} is {value}: must be a number in {self}")

    def __str__(self) -> str:
        return f"[{_written(self.low)}, {_written(self.high)}]"


def _written(bound: float) -> str:
    whole = float(bound).is_integer() and abs(bound) < 1e12
    return f"{int(bound)}" if whole else f"{bound:g}"


AMOUNT = Interval(0, 2**63 - 1)


def typed(data: Mapping[str, object], name: str, kind: type[T], *, source: str) -> T:
    """Return `data[name]` if it is a `kind`; an integer also passes for a float.

    Raises:
        ConfigError: The name is missing, or its value is of another type.
    """
    if name not in data:
        raise ConfigError(f"{source}: '{name}' is missing")
    value = data[name]
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or isinstance(value, bool) != (kind is bool):
        raise ConfigError(f"{source}: '{name}' is {value!r}, not {kind.__name__}")
    return cast("T", value)


def unknown(what: str, given: str, allowed: Iterable[str]) -> ConfigError:
    """Return the error for a name nobody knows, with the nearest known one and all of them."""
    from difflib import get_close_matches

    names = sorted(allowed)
    shown = given if len(given) <= _LONGEST_NAME else f"{given[:_LONGEST_NAME]}…"
    near = get_close_matches(shown.lower(), names, n=1, cutoff=0.5)
    meant = f"; did you mean '{near[0]}'?" if near else ""
    return ConfigError(
        f"{what} '{shown}' is unknown{meant}", hint=f"Use one of: {', '.join(names)}."
    )
