"""A phase's plan on one screen, and as a document."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from provision.report.cost import usd
from provision.report.table import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from provision.fleet.planning import PhasePlan, StackPlan
    from provision.rollout.batches import Batch

SCHEMA_VERSION = 2
_SHOWN = 12
_WEIGHTY = (
    "aws_instance", "aws_autoscaling_group", "aws_db_instance",
    "aws_elasticache_replication_group", "aws_lb", "aws_s3_bucket", "aws_kms_key",
    "google_compute_instance",
)  # fmt: skip


def plan_document(plan: PhasePlan) -> dict[str, Any]:
    """Return what `qinfra plan --json` prints; docs/plan.schema.json describes it.

    A stack that has to wait has no summary.
    """
    bill = plan.bill
    return {
        "schema_version": SCHEMA_VERSION,
        "deployment": plan.deployment,
        "phase": plan.phase.value,
        "regions": list(plan.regions),
        "nodes": plan.nodes,
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
            "monthly_usd": str(bill.monthly_usd),
            "before_usd": _text(bill.before_usd),
            "delta_usd": _text(_delta(plan)),
            "cash_now_usd": str(bill.upfront_usd),
            "purchase": bill.purchase.value,
            "unpriced_lines": bill.unpriced,
            "lines": bill.lines,
        },
        "quotas": [asdict(each) for each in plan.quotas],
        "batches": [asdict(each) for each in plan.batches],
        "notes": list(plan.notes),
    }


def render_plan(plan: PhasePlan, *, coloured: bool = False) -> str:
    """Return a row for each stack, what is lost by name, the price and what follows.

    Args:
        plan: The plan.
        coloured: Whether losses are in red.
    """
    header = ("STACK", "ADD", "CHANGE", "REPLACE", "DESTROY", "")
    parts = [
        f"{plan.deployment}: {plan.phase.value}, {plan.nodes} nodes in {', '.join(plan.regions)}",
        table(header, [_row(each) for each in plan.stacks]),
    ]
    for each in plan.stacks:
        if lines := _losses(each):
            text = "\n".join(lines)
            parts.append(f"\x1b[31m{text}\x1b[0m" if coloured else text)
    parts.append("\n".join(_effects(plan)))
    return "\n\n".join(parts)


def render_losses(plans: Sequence[StackPlan]) -> str:
    """Return a row for each stack that is to be destroyed, with what goes by kind."""
    rows = []
    for each in plans:
        destroys = each.summary.destroys if each.summary else ()
        kinds = Counter(address.split(".")[0] for address in destroys)
        rows.append((each.name, str(sum(kinds.values())), _kinds(kinds)))
    return table(("STACK", "DESTROY", "AMONG THEM"), rows)


def _kinds(kinds: Counter[str]) -> str:
    """Name what holds data or costs most: rules and tables go with what they belong to."""
    told = [f"{kinds[kind]} {kind}" for kind in _WEIGHTY if kinds[kind]]
    return ", ".join(told) or "-"


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


def _effects(plan: PhasePlan) -> list[str]:
    bill, rows = plan.bill, []
    delta = _delta(plan)
    beside = "" if delta is None else f", {delta:+,.2f} to what stands now"
    rows.append(("a month", f"{usd(bill.monthly_usd)} USD, bought {bill.purchase.value}{beside}"))
    if bill.upfront_usd:
        rows.append(("cash now", f"{usd(bill.upfront_usd)} USD"))
    if bill.unpriced:
        rows.append(("unpriced", f"{bill.unpriced} of {bill.lines} lines"))
    for each in plan.quotas:
        change = each.need - each.before
        rows.append(("quota", f"{each.region}: {each.need} vCPU of {each.quota}, {change:+d}"))
    if plan.batches:
        rows.append(("rollout", _batches(plan.batches)))
    rows += [("note", each) for each in plan.notes]
    return [f"{name:<12}{text}" for name, text in rows]


def _batches(batches: Iterable[Batch]) -> str:
    """As in `transformer 1+1+2, orchestrator 1`: how many nodes at once."""
    roles = [
        f"{role} {'+'.join(str(len(each.nodes)) for each in group)}"
        for role, group in groupby(batches, key=lambda batch: batch.role)
    ]
    return f"in batches of {', '.join(roles)}"


def _delta(plan: PhasePlan) -> Decimal | None:
    before = plan.bill.before_usd
    return None if before is None else plan.bill.monthly_usd - before


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
