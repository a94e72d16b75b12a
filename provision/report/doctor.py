"""What the doctor found, as a table, JSON and one line."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from infra.preflight import Answer
from provision.report.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.declaration import PhaseConfig
    from infra.preflight import Finding

_HEADER = ("CHECK", "REGION", "ANSWER", "DETAIL", "WHAT TO DO")


def render_findings(findings: Sequence[Finding]) -> str:
    """Return a row for each check."""
    return table(
        _HEADER,
        [
            (each.check, each.region or "-", each.answer.value, each.detail, each.remedy)
            for each in findings
        ],
    )


def findings_document(config: PhaseConfig, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return all findings with their figures, for scripts."""
    return {
        "phase": config.phase.value,
        "cloud": config.cloud,
        "purchase": config.purchase.value,
        "answers": {
            answer.value: sum(each.answer is answer for each in findings) for answer in Answer
        },
        "checks": [asdict(finding) for finding in findings],
    }


def summary(findings: Sequence[Finding]) -> str:
    """Return how many checks gave which answer, in a line."""
    counts = [
        f"{count} {answer.value}"
        for answer in Answer
        if (count := sum(each.answer is answer for each in findings))
    ]
    return f"{len(findings)} checks: {', '.join(counts)}"


def stopped(phase: str, findings: Sequence[Finding]) -> str:
    """Return the line that names what stops a deployment."""
    names = [f"{each.check} {each.region}".rstrip() for each in findings]
    return f"{phase} cannot be deployed: {', '.join(names)}"
