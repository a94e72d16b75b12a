"""The findings about the guide, as text for people and as a document for scripts."""

from __future__ import annotations

from dataclasses import asdict
from textwrap import fill
from typing import TYPE_CHECKING, Any

from infra.language import Language, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.capacity.findings import Finding

_WIDTH = 100
_LABELS = (
    Text(en="guide", zh_tw="指南"),
    Text(en="computed", zh_tw="計算"),
    Text(en="qinfra", zh_tw="qinfra"),
)


def findings_document(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return what `qinfra capacity findings --json` prints; every text in both languages."""
    return {"findings": [asdict(finding) for finding in findings]}


def render_findings(findings: Sequence[Finding], language: Language) -> str:
    """Return a paragraph for each finding."""
    return "\n\n".join(_paragraph(finding, language) for finding in findings)


def _paragraph(finding: Finding, language: Language) -> str:
    lines = [f"{finding.code}  {finding.section}  {finding.title.in_(language)}"]
    for label, text in zip(_LABELS, (finding.guide, finding.computed, finding.action), strict=True):
        lines.append(_wrapped(f"{label.in_(language):<9}", text.in_(language), language))
    return "\n".join(lines)


def _wrapped(label: str, text: str, language: Language) -> str:
    """Wrap at words; Chinese is left to the terminal, which knows its widths."""
    line = f"     {label} {text}"
    if language is Language.ZH_TW:
        return line
    return fill(line, _WIDTH, subsequent_indent=" " * 15)
