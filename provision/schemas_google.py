"""Recover the google provider's schemas from the bindings that were generated from them.

The provider's own binary is not needed: the jsii assembly inside the wheel of
`cdktf-cdktf-provider-google` has every argument's name, type, whether it is required, and whether
it is a block. It does not say: ranges and patterns, which arguments exclude each other, which of
them replace the resource, and whether a collection is a list or a set (a list is taken). A name
that starts with `get_` is there as `fetch_`; no kind used here has one.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

WHEEL = "cdktf-cdktf-provider-google==16.12.1"  # generated from hashicorp/google 6.50.0

Types = dict[str, Any]
Kind = str | list[Any] | dict[str, str]

_BASES = {"cdktf.TerraformResource": "resource", "cdktf.TerraformDataSource": "data"}
_META = {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners"}
_SCALARS = {"string": "string", "number": "number", "boolean": "bool"}
_MAPS = {"cdktf.StringMap": "string", "cdktf.NumberMap": "number", "cdktf.BooleanMap": "bool"}


def downloaded_types(requirement: str = WHEEL) -> Types:
    """Return all types of a provider's bindings; pip fetches its wheel, and it is not kept."""
    with tempfile.TemporaryDirectory() as folder:
        command = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", folder)
        subprocess.run((*command, requirement), check=True)
        (wheel,) = Path(folder).glob("*.whl")
        return types_of(wheel)


def types_of(wheel: Path) -> Types:
    """Return all types of the bindings in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".jsii.tgz")]
        package = archive.read(name)
    with tarfile.open(fileobj=io.BytesIO(package)) as files:
        assembly = files.extractfile("package/.jsii")
        if assembly is None:
            raise FileNotFoundError("package/.jsii")
        types: Types = json.load(assembly)["types"]
    return types


def kinds(types: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Return the class of each mode and kind, as of ("resource", "google_compute_network")."""
    found = {}
    for name, each in types.items():
        mode = _BASES.get(each.get("base", ""))
        kind = re.search(r" (google_[a-z0-9_]+)\}", each.get("docs", {}).get("summary", ""))
        if mode and kind:
            found[mode, kind[1]] = name
    return found


def schema(types: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a class's arguments, and what it computes, as the files under schemas/ have them."""
    arguments = types[name]["initializer"]["parameters"][2]["type"]["fqn"]
    return _block(types, arguments, name)


def _block(types: Mapping[str, Any], arguments: str, computing: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    blocks: dict[str, Any] = {}
    for argument in types[arguments].get("properties", []):
        name, kind = _name(argument), _kind(argument["type"])
        required = not argument.get("optional", False)
        if name in _META:
            continue
        if inside := _struct(kind):
            blocks[name] = {
                **({"min": 1} if required else {}),
                **({"max": 1} if isinstance(kind, dict) else {}),
                "block": _block(types, inside, f"{inside}OutputReference"),
            }
        else:
            attributes[name] = {"type": kind, **({"required": True} if required else {})}
    for name, kind in _computed(types.get(computing, {})).items():
        if name not in attributes and name not in blocks:
            attributes[name] = {"type": kind, "computed_only": True}
    return {"attributes": attributes, "blocks": blocks}


def _struct(kind: Kind) -> str | None:
    """Return the class of a block, or of a list of them; None of a plain value."""
    inner = kind[1] if isinstance(kind, list) else kind
    return inner["struct"] if isinstance(inner, dict) else None


def _computed(reference: Mapping[str, Any]) -> dict[str, Any]:
    properties = reference.get("properties", [])
    return {
        _snake(each["name"]): _computed_kind(each["type"])
        for each in properties
        if not each.get("static")
        and not each["name"].endswith("Input")
        and each["name"] != "internalValue"
    }


def _computed_kind(kind: Mapping[str, Any]) -> Kind:
    if kind.get("fqn") in _MAPS:
        return ["map", _MAPS[kind["fqn"]]]
    found = _kind(kind)
    return "dynamic" if isinstance(found, dict) else found


def _kind(kind: Mapping[str, Any]) -> Kind:
    if "primitive" in kind:
        return _SCALARS.get(kind["primitive"], "dynamic")
    if "collection" in kind:
        outer = "map" if kind["collection"]["kind"] == "map" else "list"
        return [outer, _kind(kind["collection"]["elementtype"])]
    if "union" in kind:
        given = [each for each in kind["union"]["types"] if each.get("fqn") != "cdktf.IResolvable"]
        return _kind(given[0]) if len(given) == 1 else "dynamic"
    name = kind.get("fqn", "cdktf.")
    return "dynamic" if name.startswith("cdktf.") else {"struct": name}


def _name(argument: Mapping[str, Any]) -> str:
    """Return Terraform's own spelling, which the link to its documentation ends with."""
    link = re.search(r"#([a-z0-9_]+) \w+#", argument.get("docs", {}).get("remarks", ""))
    return link[1] if link else _snake(argument["name"])


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
