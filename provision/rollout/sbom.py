"""A release's bill of materials, as CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/)."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provision.rollout.requirements import Package

_OWN = "qinfra"


def bill_of_materials(packages: Iterable[Package], *, version: str) -> str:
    """Return the document: without a date, so that equal releases have equal bills."""
    components = [_component(package) for package in packages if package.name != _OWN]
    identity = json.dumps([version, components])
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, identity)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": f"pkg:pypi/{_OWN}@{version}",
                "name": _OWN,
                "version": version,
                "purl": f"pkg:pypi/{_OWN}@{version}",
                "licenses": [{"expression": "Apache-2.0"}],
            }
        },
        "components": components,
    }
    return json.dumps(document, indent=1) + "\n"


def _component(package: Package) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "hashes": [{"alg": "SHA-256", "content": package.sha256}],
        **_licences(package),
    }


def _licences(package: Package) -> dict[str, Any]:
    if package.expression:
        return {"licenses": [{"expression": package.expression}]}
    return {"licenses": [{"license": {"name": package.licence}}]} if package.licence else {}
