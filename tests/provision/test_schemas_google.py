from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from provision import schemas, schemas_google

NAME = "@cdktf/provider-google.thing.Thing"
RESOLVABLE = {"fqn": "cdktf.IResolvable"}
STRING = {"primitive": "string"}
BOOL = {"union": {"types": [{"primitive": "boolean"}, RESOLVABLE]}}


def struct(name: str) -> dict[str, Any]:
    return {"fqn": f"{NAME}{name}"}


def many(kind: dict[str, Any], outer: str = "array") -> dict[str, Any]:
    return {"collection": {"kind": outer, "elementtype": kind}}


def argument(name: str, kind: dict[str, Any], link: str = "", *, optional: bool = True) -> Any:
    remarks = f"Docs: {{@link https://example.org/things#{link} Thing#{link}}}" if link else ""
    return {"name": name, "type": kind, "optional": optional, "docs": {"remarks": remarks}}


TYPES = {
    NAME: {
        "base": "cdktf.TerraformResource",
        "docs": {"summary": "Represents a {@link https://example.org/things google_thing}."},
        "initializer": {"parameters": [{}, {}, {"type": struct("Config")}]},
        "properties": [
            {"name": "tfResourceType", "static": True, "type": STRING},
            {"name": "ipv4Size", "type": {"primitive": "number"}},
            {"name": "ipv4SizeInput", "type": {"primitive": "number"}},
            {"name": "selfLink", "type": STRING},
            {"name": "effectiveLabels", "type": {"fqn": "cdktf.StringMap"}},
            {"name": "pairs", "type": struct("PairsList")},
        ],
    },
    f"{NAME}Config": {
        "properties": [
            argument("ipv4Size", {"primitive": "number"}, "ipv4_size", optional=False),
            argument("lifecycle", {"fqn": "cdktf.TerraformResourceLifecycle"}),
            argument("isOn", BOOL),
            argument("labels", many(STRING, "map"), "labels"),
            argument("anything", {"primitive": "any"}, "anything"),
            argument("disk", struct("Disk"), "disk", optional=False),
            argument("rules", {"union": {"types": [RESOLVABLE, many(struct("Rule"))]}}, "rules"),
        ]
    },
    f"{NAME}Disk": {"properties": [argument("size", STRING, "size", optional=False)]},
    f"{NAME}DiskOutputReference": {
        "properties": [
            {"name": "internalValue", "type": struct("Disk")},
            {"name": "size", "type": STRING},
            {"name": "hash", "type": STRING},
        ]
    },
    f"{NAME}Rule": {"properties": [argument("ports", many(STRING), "ports")]},
    f"{NAME}PairsList": {},
}

EXPECTED = {
    "attributes": {
        "ipv4_size": {"type": "number", "required": True},
        "is_on": {"type": "bool"},
        "labels": {"type": ["map", "string"]},
        "anything": {"type": "dynamic"},
        "self_link": {"type": "string", "computed_only": True},
        "effective_labels": {"type": ["map", "string"], "computed_only": True},
        "pairs": {"type": "dynamic", "computed_only": True},
    },
    "blocks": {
        "disk": {
            "min": 1,
            "max": 1,
            "block": {
                "attributes": {
                    "size": {"type": "string", "required": True},
                    "hash": {"type": "string", "computed_only": True},
                },
                "blocks": {},
            },
        },
        "rules": {"block": {"attributes": {"ports": {"type": ["list", "string"]}}, "blocks": {}}},
    },
}


def test_a_schema_is_recovered_from_the_bindings() -> None:
    assert schemas_google.kinds(TYPES) == {("resource", "google_thing"): NAME}
    assert schemas_google.schema(TYPES, NAME) == EXPECTED


def test_the_types_are_read_from_the_assembly_in_the_wheel(tmp_path: Path) -> None:
    text = json.dumps({"types": TYPES}).encode()
    package = io.BytesIO()
    with tarfile.open(fileobj=package, mode="w:gz") as files:
        entry = tarfile.TarInfo("package/.jsii")
        entry.size = len(text)
        files.addfile(entry, io.BytesIO(text))
    wheel = tmp_path / "it.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("it/_jsii/it@1.jsii.tgz", package.getvalue())
    assert schemas_google.types_of(wheel) == TYPES


def test_the_named_kinds_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "FOLDER", tmp_path)
    monkeypatch.setattr(schemas_google, "downloaded_types", lambda: TYPES)
    assert schemas.main(["google_thing"]) == 0
    (file,) = tmp_path.rglob("*.json")
    assert file == tmp_path / "resource" / "google_thing.json"
    assert json.loads(file.read_text()) == EXPECTED
