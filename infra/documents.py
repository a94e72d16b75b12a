"""JSON documents as frozen types, and back."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from infra.domain import unknown
from infra.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_core import ErrorDetails

T = TypeVar("T")


def to_json(value: Any) -> str:  # noqa: ANN401 - any dataclass instance
    """Return a dataclass as one JSON object; amounts of money as strings, to lose no digit."""
    return json.dumps(asdict(value), indent=2, default=str, ensure_ascii=False)


def from_json(kind: type[T], text: str | bytes, *, source: str) -> T:
    """Return the dataclass that a JSON object describes; each check of its own is made again.

    Args:
        kind: Its annotations must be importable at run time.
        text: One JSON object with all keys that have no default and none besides.
        source: What is read, for the error.

    Raises:
        ConfigError: Not JSON, cut short, or a key is missing, unknown or wrong; the first is named.
    """
    from pydantic import TypeAdapter, ValidationError

    data = json_object(text, source=source)
    _no_unknown_keys(kind, data, source)
    try:
        # As JSON again: only there does strict take a list for a tuple and a string for a Decimal.
        return TypeAdapter(kind).validate_json(json.dumps(data), strict=True)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}", hint=error.hint) from error
    except ValidationError as error:
        raise _explained(error.errors()[0], source) from error


def json_object(
    text: str | bytes, *, source: str, parse_float: Callable[[str], Any] = float
) -> dict[str, Any]:
    """Return the object that a JSON text holds.

    Args:
        text: In UTF-8.
        source: What is read, for the error.
        parse_float: What numbers with a fraction become.

    Raises:
        ConfigError: Not JSON, cut short, not an object, NaN or an infinity, or a key stands twice
            in one.
    """

    def constant(name: str) -> object:
        raise ConfigError(f"{source}: {name} is not a number")

    try:
        data = json.loads(
            text,
            object_pairs_hook=lambda pairs: _object(pairs, source),
            parse_float=parse_float,
            parse_constant=constant,
        )
    except ValueError as error:  # not UTF-8 or not JSON
        raise ConfigError(f"{source}: not JSON, or cut short: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{source}: not JSON: nested too deeply") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{source}: not a JSON object")
    return data


def _object(pairs: list[tuple[str, Any]], source: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ConfigError(f"{source}: '{twice[:60]}' stands twice")
    return found


def _no_unknown_keys(kind: Any, data: object, source: str) -> None:  # noqa: ANN401 - any annotation
    """Walk a type and its document together; the type's own dataclasses forbid no key."""
    if isinstance(data, list):
        for inner in [*get_args(kind)][:1]:
            for item in data:
                _no_unknown_keys(inner, item, source)
    elif isinstance(data, dict) and is_dataclass(kind):
        hints = get_type_hints(kind)
        known = {item.name for item in fields(kind)}
        for name, value in data.items():
            if name not in known:
                raise unknown(f"{source}: key", str(name), known)
            _no_unknown_keys(hints[name], value, source)


def _explained(first: ErrorDetails, source: str) -> ConfigError:
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] in ("missing", "missing_argument"):
        return ConfigError(f"{source}: '{path}' is missing")
    reason = first["msg"].removeprefix("Value error, ")
    return ConfigError(f"{source}: '{path}' is {first['input']!r}: {reason}")
