"""What has drifted, as text and as a document."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from provision.report.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provision.fleet.drift import Drift

_WIDEST = 60


def drift_document(drifts: Sequence[Drift]) -> dict[str, Any]:
    """Return what `qinfra drift --json` prints."""
    return {"drifted": bool(drifts), "resources": [asdict(each) for each in drifts]}


def render_drift(drifts: Sequence[Drift]) -> str:
    """Return a row for each attribute that differs, and for each resource that is gone."""
    if not drifts:
        return "no drift: all is as the state has it"
    rows = []
    for each in drifts:
        if each.gone:
            rows.append((each.stack, each.address, "-", "there", "gone"))
        rows += [
            (each.stack, each.address, field.path, _short(field.before), _short(field.after))
            for field in each.fields
        ]
    return table(("STACK", "RESOURCE", "FIELD", "STATE", "CLOUD"), rows)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 1]}…"
