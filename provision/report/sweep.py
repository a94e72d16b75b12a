"""What nobody here knows of, as text and as a document."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from provision.report.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provision.clouds.cloud import Found


def sweep_document(found: Sequence[Found]) -> dict[str, Any]:
    """Return what `qinfra sweep --json` prints."""
    return {"orphans": [asdict(each) for each in found]}


def render_sweep(found: Sequence[Found]) -> str:
    """Return a row for each thing."""
    if not found:
        return "nothing carries our tag that no state here holds"
    rows = [(each.kind, each.region or "-", each.id, each.deployment) for each in found]
    return table(("KIND", "REGION", "ID", "DEPLOYMENT"), rows)
