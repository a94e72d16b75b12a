"""What the providers accept: the arguments of every kind of block that the stacks use.

One file a kind under schemas/, cut from `terraform providers schema -json` by
`python -m provision.schemas KIND ...`.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from infra.errors import QinfraError

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXPRESSION = "${"
_SCALARS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "bool": (bool,),
}


@cache
def schema_of(mode: str, kind: str) -> Mapping[str, Any]:
    """Return a kind's attributes and blocks.

    Raises:
        QinfraError: Nothing is known of it.
    """
    file = files("infra.stacks").joinpath("schemas", mode, f"{kind}.json")
    if not file.is_file():
        raise QinfraError(
            f"nothing is known of the {mode} {kind}",
            hint=f"Run `python -m provision.schemas {mode}:{kind}`.",
        )
    schema: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema


def checked(mode: str, kind: str, name: str, arguments: Mapping[str, Any]) -> None:
    """Pass arguments that the provider's schema has, of its types, none missing.

    Raises:
        QinfraError: One is unknown, missing or of another type; its path is named.
    """
    _block(schema_of(mode, kind), arguments, f"{kind}.{name}")


def _block(schema: Mapping[str, Any], given: Mapping[str, Any], path: str) -> None:
    attributes, blocks = schema["attributes"], schema["blocks"]
    for name in given:
        if name not in attributes and name not in blocks:
            raise QinfraError(f"{path}: no argument '{name}'")
    for name, attribute in attributes.items():
        if name in given:
            if attribute.get("computed_only"):
                raise QinfraError(f"{path}: '{name}' is the provider's to say")
            _value(attribute["type"], given[name], f"{path}.{name}")
        elif attribute.get("required"):
            raise QinfraError(f"{path}: '{name}' is missing")
    for name, block in blocks.items():
        _nested(block, given.get(name), f"{path}.{name}")


def _nested(block: Mapping[str, Any], given: Any, path: str) -> None:
    inner = given if isinstance(given, list | tuple) else [] if given is None else [given]
    if len(inner) < block.get("min", 0):
        raise QinfraError(f"{path} is missing")
    if len(inner) > block.get("max", len(inner)):
        raise QinfraError(f"{path} stands {len(inner)} times, at most {block['max']}")
    for each in inner:
        if not isinstance(each, dict):
            raise QinfraError(f"{path} is {each!r}, not a block")
        _block(block["block"], each, path)


def _value(kind: Any, value: Any, path: str) -> None:
    if isinstance(value, str) and value.startswith(_EXPRESSION):
        return
    if isinstance(kind, list):
        outer, inner = kind
        _collection(outer, inner, value, path)
        return
    wanted = _SCALARS.get(kind, (object,))
    if not isinstance(value, wanted) or (kind == "number" and isinstance(value, bool)):
        raise QinfraError(f"{path} is {value!r}, not a {kind}")


def _collection(outer: str, inner: Any, value: Any, path: str) -> None:
    wanted = (list, tuple) if outer in ("list", "set") else (dict,)
    if not isinstance(value, wanted):
        raise QinfraError(f"{path} is {value!r}, not a {outer}")
    if not isinstance(value, dict):
        for each in value:
            _value(inner, each, path)
        return
    for name, each in value.items():
        if outer == "object" and name not in inner:
            raise QinfraError(f"{path}: no key '{name}'")
        _value(inner[name] if outer == "object" else inner, each, f"{path}.{name}")
