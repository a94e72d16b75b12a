"""The network's figures as somebody tells them: on the wire or in a file, whole or in part."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from infra.capacity.network import GUIDE_NETWORK, NetworkMetrics
from infra.documents import json_object
from infra.domain import Interval, unknown
from infra.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

# As `/v1/latest-stats` names them; 64-bit integers come as strings, 32-bit ones as numbers.
_ON_THE_WIRE = {
    "timestamp": "timestamp",
    "epoch": "epoch",
    "currentTick": "tick",
    "ticksInCurrentEpoch": "ticks_in_epoch",
    "emptyTicksInCurrentEpoch": "empty_ticks_in_epoch",
    "circulatingSupply": "circulating_supply_qu",
    "activeAddresses": "active_addresses",
    "price": "price_usd",
    "marketCap": "market_cap_usd",
    "burnedQus": "burned_qu",
}
_QUALITY = "epochTickQuality"
_WRAPPER = "data"
_FIGURES = tuple(_ON_THE_WIRE.values())
_MONEY = ("price_usd", "market_cap_usd")
_Figures = dict[str, int | Decimal]
_LONGEST_NUMBER = 40  # digits; no figure has more, and a longer one would only take time

_ISSUED_PER_EPOCH_QU = 10**12
_PERCENT = Interval(0, 100)
_IN_32_BITS = Interval(0, 2**32 - 1)
_POSSIBLE = {
    # The network's first epoch began in April 2022.
    "timestamp": Interval(1_650_000_000, 253_402_300_799),
    "epoch": _IN_32_BITS,
    "tick": _IN_32_BITS,
    "ticks_in_epoch": _IN_32_BITS,
    "empty_ticks_in_epoch": _IN_32_BITS,
    "active_addresses": _IN_32_BITS,
}
_CLOCK_SKEW_SECONDS = 3_600  # another clock may run ahead of ours by so much
# What two statements of one figure may differ by: prices travel as 32-bit floats.
_PERCENT_POINTS = Decimal("0.1")
_RELATIVE = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The network's figures, and what to know about them.

    Attributes:
        notes: A line each: what was missing and where it is from instead, what contradicts itself.
        dated: Whether the figures came with the time of their observation.
    """

    metrics: NetworkMetrics
    notes: tuple[str, ...] = ()
    dated: bool = True

    def to_json(self) -> str:
        """Return the figures as JSON that `read_observation` reads, money with all its digits."""
        values = {name: getattr(self.metrics, name) for name in _FIGURES}
        return json.dumps(values, indent=2, default=str)


def read_observation(text: str | bytes, *, source: str, strict: bool, now: datetime) -> Observation:
    """Return the figures in a JSON answer of `/v1/latest-stats`, or in a file.

    Every figure may be missing. Burned coins, market capitalisation and empty ticks follow from
    the others where they can; what is left is taken from the guide, and a note says so.

    Args:
        text: An object of figures, by their names here or on the wire, or such an object as
            `data`.
        source: Where it is from, for the metrics and for errors.
        strict: Refuse a name nobody knows; the wire may grow, a file has a typing error.
        now: To tell figures from the future.

    Raises:
        ConfigError: Not JSON, cut short, without any figure, or a figure that cannot be; the first
            is named with its allowed range.

    Source:
        Derived figures: the statistics service's own formulas; every epoch issues 10^12 QU.
    """
    stated = _stated(_object(text, source, strict=strict), source, strict=strict)
    quality = stated.pop(_QUALITY, None)
    if not stated and quality is None:
        raise ConfigError(
            f"{source}: none of the network's figures is in it",
            hint=f"Give at least one of: {', '.join(_FIGURES)}.",
        )
    whole, missing = _completed(stated, quality)
    try:
        _PERCENT.check(_QUALITY, 0 if quality is None else quality)
        _check(stated, now)
        metrics = NetworkMetrics(source=source, **whole)  # type: ignore[arg-type]
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}", hint=error.hint) from error
    notes = (*missing, *_contradictions(stated, quality))
    return Observation(metrics=metrics, notes=notes, dated="timestamp" in stated)


def _object(text: str | bytes, source: str, *, strict: bool) -> dict[str, object]:
    data = json_object(text, source=source, parse_float=Decimal)
    inner = data.get(_WRAPPER, data)
    beside = [name for name in data if name != _WRAPPER] if _WRAPPER in data else []
    if strict and beside:
        raise ConfigError(
            f"{source}: '{beside[0]}' stands beside '{_WRAPPER}', which is read alone"
        )
    if not isinstance(inner, dict):
        raise ConfigError(f"{source}: '{_WRAPPER}' is not a JSON object of the network's figures")
    return inner


def _stated(data: Mapping[str, object], source: str, *, strict: bool) -> _Figures:
    """Return the figures that are there, by their names here."""
    known = {**_ON_THE_WIRE, **{name: name for name in _FIGURES}, _QUALITY: _QUALITY}
    stated: _Figures = {}
    for name, value in data.items():
        if name not in known:
            if strict and name not in ("source", "notes"):
                raise unknown(f"{source}: key", name, known)
        elif known[name] in stated:
            raise ConfigError(f"{source}: {known[name]} stands twice, under two names")
        elif value is not None:
            stated[known[name]] = _number(value, known[name], f"{source}: {name}")
    return stated


def _number(value: object, name: str, where: str) -> int | Decimal:
    """Return a figure whether it came as a number or, as 64-bit integers do, as a string."""
    text = str(value)
    fractional = name in (*_MONEY, _QUALITY)
    kind = "a number" if fractional else "a whole number"
    if isinstance(value, bool | list | dict) or len(text) > _LONGEST_NUMBER:
        raise ConfigError(f"{where} is {text[:_LONGEST_NUMBER]!r}, not {kind}")
    try:
        number = Decimal(text.strip())
    except InvalidOperation as error:
        raise ConfigError(f"{where} is {text!r}, not {kind}") from error
    if not number.is_finite() or abs(number.adjusted()) > _LONGEST_NUMBER:
        raise ConfigError(f"{where} is {text!r}, not {kind}")
    if not fractional and number != number.to_integral_value():
        raise ConfigError(f"{where} is {text!r}, not {kind}")
    return number if fractional else int(number)


def _completed(stated: _Figures, quality: int | Decimal | None) -> tuple[_Figures, tuple[str, ...]]:
    """Add what follows from the figures that are there, then what the guide has."""
    derived = {k: v for k, v in _derived(stated, quality).items() if k not in stated}
    guide = {k: getattr(GUIDE_NETWORK, k) for k in _FIGURES if k not in {**stated, **derived}}
    notes = []
    if derived:
        notes.append(f"missing, computed from the other figures: {', '.join(derived)}")
    if guide:
        notes.append(f"missing, taken from the {GUIDE_NETWORK.source}: {', '.join(guide)}")
    return {**stated, **derived, **guide}, tuple(notes)


def _derived(stated: _Figures, quality: int | Decimal | None) -> _Figures:
    derived: _Figures = {}
    if {"epoch", "circulating_supply_qu"} <= stated.keys():
        issued = stated["epoch"] * _ISSUED_PER_EPOCH_QU
        derived["burned_qu"] = int(issued - stated["circulating_supply_qu"])
    if {"price_usd", "circulating_supply_qu"} <= stated.keys():
        derived["market_cap_usd"] = stated["price_usd"] * stated["circulating_supply_qu"]
    derived |= _ticks(stated, quality)
    return derived


def _ticks(stated: _Figures, quality: int | Decimal | None) -> _Figures:
    """Return ticks that fit those stated, at the stated quality or else the guide's."""
    efficiency = GUIDE_NETWORK.tick_efficiency if quality is None else quality / 100
    empty = 1 - Decimal(efficiency)
    if "ticks_in_epoch" in stated:
        return {"empty_ticks_in_epoch": round(stated["ticks_in_epoch"] * empty)}
    if "empty_ticks_in_epoch" in stated and empty:
        return {"ticks_in_epoch": round(stated["empty_ticks_in_epoch"] / empty)}
    if quality is not None and "empty_ticks_in_epoch" not in stated:
        return {"empty_ticks_in_epoch": round(GUIDE_NETWORK.ticks_in_epoch * empty)}
    return {}


def _check(stated: _Figures, now: datetime) -> None:
    """Refuse what cannot be; what was not stated is the guide's and is."""
    for name, interval in _POSSIBLE.items():
        if name in stated:
            interval.check(name, stated[name])
    ahead = stated.get("timestamp", 0) - Decimal(now.timestamp())
    if ahead > _CLOCK_SKEW_SECONDS:
        raise ConfigError(
            f"timestamp is {stated['timestamp']}: {ahead / 3_600:,.1f} hours from now",
            hint="Check this machine's clock.",
        )
    if {"epoch", "circulating_supply_qu"} <= stated.keys():
        issued = stated["epoch"] * _ISSUED_PER_EPOCH_QU
        if stated["circulating_supply_qu"] > issued:
            raise ConfigError(
                f"circulating_supply_qu is {stated['circulating_supply_qu']}: more than the "
                f"{issued} that {stated['epoch']} epochs issue"
            )


def _contradictions(stated: _Figures, quality: int | Decimal | None) -> tuple[str, ...]:
    """Return where the stated figures contradict each other; the more basic ones are used."""
    notes = []
    if quality is not None and stated.get("ticks_in_epoch") and "empty_ticks_in_epoch" in stated:
        ticks = Decimal(stated["ticks_in_epoch"])
        computed = 100 * (ticks - stated["empty_ticks_in_epoch"]) / ticks
        if abs(computed - quality) > _PERCENT_POINTS:
            notes.append(f"its tick quality of {quality} % contradicts its ticks: {computed:.2f} %")
    if {"price_usd", "circulating_supply_qu", "market_cap_usd"} <= stated.keys():
        value = Decimal(stated["price_usd"]) * stated["circulating_supply_qu"]
        said = Decimal(stated["market_cap_usd"])
        if abs(value - said) > _RELATIVE * max(value, said):
            notes.append(
                f"its market cap of {said:,.0f} USD contradicts price x supply: {value:,.0f} USD"
            )
    return tuple(notes)
