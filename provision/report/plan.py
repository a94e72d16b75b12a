"""A phase's plan on one screen, and as a document."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from provision.report.cost import usd
from provision.report.table import table

if TYPE_CHECKING:
    from provision.planning import PhasePlan, StackPlan

SCHEMA_VERSION = 1
_SHOWN = 12


def plan_document(plan: PhasePlan) -> dict[str, Any]:
    """Return what `qinfra plan --json` prints; a stack that has to wait has no summary."""
    return {
        "schema_version": SCHEMA_VERSION,
        "deployment": plan.deployment,
        "nothing_to_do": plan.is_empty,
        "stacks": [
            {
                "name": each.name,
                "folder": str(each.folder),
                "waits_for": list(each.waits_for),
                "summary": asdict(each.summary) if each.summary else None,
            }
            for each in plan.stacks
        ],
        "cost": {
            "monthly_usd": str(plan.cost.monthly_usd),
            "cash_now_usd": str(plan.cost.upfront_usd),
            "purchase": plan.cost.purchase.value,
            "unpriced_lines": plan.cost.unpriced,
            "lines": len(plan.cost.lines),
        },
    }


def render_plan(plan: PhasePlan) -> str:
    """Return a row for each stack, what is lost by name, and the price."""
    header = ("STACK", "ADD", "CHANGE", "REPLACE", "DESTROY", "")
    parts = [
        f"{plan.deployment}: {plan.cost.phase.value}, {plan.cost.nodes} nodes in "
        f"{', '.join(plan.cost.regions)}",
        table(header, [_row(each) for each in plan.stacks]),
    ]
    parts += ["\n".join(lines) for each in plan.stacks if (lines := _losses(each))]
    return "\n\n".join([*parts, "\n".join(_price(plan)), _next(plan)])


def _row(each: StackPlan) -> tuple[str, ...]:
    found = each.summary
    if found is None:
        return each.name, "-", "-", "-", "-", f"waits for {', '.join(each.waits_for)}"
    counts = (found.adds, found.changes, found.replacements, found.destroys)
    note = "nothing to do" if found.is_empty else ""
    return (each.name, *(str(len(addresses)) for addresses in counts), note)


def _losses(each: StackPlan) -> list[str]:
    """Name what does not survive: replacements with their cause, and what is destroyed."""
    if each.summary is None:
        return []
    lost = [f"  replace  {r.address}: {r.cause}" for r in each.summary.replacements]
    lost += [f"  destroy  {address}" for address in each.summary.destroys]
    more = [f"  and {len(lost) - _SHOWN} more"] if len(lost) > _SHOWN else []
    return [f"{each.name} loses", *lost[:_SHOWN], *more] if lost else []


def _price(plan: PhasePlan) -> list[str]:
    cost = plan.cost
    lines = [f"{'a month':<12}{usd(cost.monthly_usd)} USD, bought {cost.purchase.value}"]
    if cost.upfront_usd:
        lines.append(f"{'cash now':<12}{usd(cost.upfront_usd)} USD")
    if cost.unpriced:
        lines.append(f"{'unpriced':<12}{cost.unpriced} of {len(cost.lines)} lines")
    return lines


def _next(plan: PhasePlan) -> str:
    if plan.is_empty:
        return "nothing to do"
    folder = next(each.folder for each in plan.stacks if each.summary is not None)
    return f"This version plans; to apply a stack: terraform -chdir={folder} apply plan.tfplan"
