"""`python -m provision.schemas [MODE:]KIND ...`: cut what the stacks use out of a schema.

A tool for those who change the stacks. It asks Terraform for the AWS provider's schema, 13 MB, and
recovers the google provider's from its bindings; a file for each kind stays under
infra/stacks/schemas/.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision import schemas_google

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent.parent / "infra" / "stacks" / "schemas"
AWS = {"source": "hashicorp/aws", "version": "5.100.0"}
# The provider writes a firewall's statements inside statements out, three deep: 5 MB in one kind.
UNUSED = frozenset({"and_statement", "not_statement", "or_statement", "scope_down_statement"})


def main(names: list[str]) -> int:
    """Write the named kinds, all that are there already when none is named."""
    wanted = [_mode_and_kind(name) for name in names] or [
        (file.parent.name, file.stem) for file in FOLDER.rglob("*.json")
    ]
    google = [each for each in wanted if each[1].startswith("google_")]
    aws = [each for each in wanted if each not in google]
    for mode, kind, schema in (*_of_aws(aws), *_of_google(google)):
        file = FOLDER / mode / f"{kind}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


def _of_aws(wanted: list[tuple[str, str]]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    schemas = provider_schema(AWS) if wanted else {}
    for mode, kind in wanted:
        known = schemas[f"{'data_source' if mode == 'data' else 'resource'}_schemas"]
        yield mode, kind, compact(known[kind]["block"])


def _of_google(wanted: list[tuple[str, str]]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    types = schemas_google.downloaded_types() if wanted else {}
    classes = schemas_google.kinds(types)
    for mode, kind in wanted:
        yield mode, kind, schemas_google.schema(types, classes[mode, kind])


def provider_schema(provider: dict[str, str]) -> dict[str, Any]:
    """Return what Terraform says of a provider; its binary has to be at hand, as in a mirror."""
    terraform = shutil.which("terraform") or "terraform"
    document = {"terraform": {"required_providers": {"it": provider}}}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "main.tf.json").write_text(json.dumps(document))
        for arguments in (("init", "-input=false"), ("providers", "schema", "-json")):
            run = subprocess.run(
                (terraform, *arguments), cwd=folder, capture_output=True, text=True, check=True
            )
    (schemas,) = json.loads(run.stdout)["provider_schemas"].values()
    found: dict[str, Any] = schemas
    return found


def compact(block: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes and blocks that can be set, without descriptions and UNUSED."""
    return {
        "attributes": {
            name: _attribute(attribute) for name, attribute in block.get("attributes", {}).items()
        },
        "blocks": {
            name: {
                **({"min": inner["min_items"]} if inner.get("min_items") else {}),
                **({"max": 1} if inner["nesting_mode"] == "single" else {}),
                **({"max": inner["max_items"]} if inner.get("max_items") else {}),
                "block": compact(inner["block"]),
            }
            for name, inner in block.get("block_types", {}).items()
            if name not in UNUSED
        },
    }


def _attribute(attribute: dict[str, Any]) -> dict[str, Any]:
    settable = attribute.get("required") or attribute.get("optional")
    return {
        "type": attribute.get("type", "dynamic"),
        **({"required": True} if attribute.get("required") else {}),
        **({} if settable else {"computed_only": True}),
    }


def _mode_and_kind(name: str) -> tuple[str, str]:
    mode, colon, kind = name.partition(":")
    return (mode, kind) if colon else ("resource", name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
