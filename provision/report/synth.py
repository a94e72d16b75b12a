"""What was synthesised, as text and as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provision.report.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from infra.stacks.blocks import Stack

    Written = Sequence[tuple[Stack, Path]]


def synth_document(written: Written) -> dict[str, Any]:
    """Return what `qinfra synth --json` prints."""
    return {
        "stacks": [
            {
                "name": stack.name,
                "provider": stack.provider.source,
                "provider_version": stack.provider.version,
                "file": str(file),
                "resources": [b.address for b in stack.blocks if b.mode == "resource"],
                "variables": {v.name: v.description for v in stack.variables},
            }
            for stack, file in written
        ]
    }


def render_synth(written: Written) -> str:
    """Return a row for each stack, and what has to be said when it is planned."""
    rows = [
        (
            stack.name,
            f"{stack.provider.source} {stack.provider.version}",
            str(sum(block.mode == "resource" for block in stack.blocks)),
            str(file.parent),
        )
        for stack, file in written
    ]
    asked = {v.name: v.description for stack, _ in written for v in stack.variables}
    parts = [table(("STACK", "PROVIDER", "RESOURCES", "FOLDER"), rows)]
    if asked:
        parts.append(table(("VARIABLE", "WHAT IT DECIDES"), list(asked.items())))
    return "\n\n".join(parts)
