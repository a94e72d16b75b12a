"""The machines of a deployment in a cloud, as text and as a document."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from provision.report.table import table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.cost.standing import Standing
    from provision.clouds.cloud import Power
    from provision.fleet.making import Made
    from provision.fleet.power import Saving
    from provision.fleet.record import FleetRecord

_HEADER = ("NODE", "ROLE", "REGION", "ADDRESS", "PUBLIC", "HOST KEY", "ID")


def made_document(made: Made) -> dict[str, Any]:
    """Return what `qinfra deploy --json` prints for a cloud."""
    return {
        "deployment": made.plan.deployment,
        "action": _action(made),
        "monthly_usd": str(made.plan.monthly_usd),
        "machines": machines_document(made.record) if made.record else [],
    }


def machines_document(record: FleetRecord) -> list[dict[str, Any]]:
    """Return the machines on record, each with its host keys."""
    return [
        asdict(each) | {"host_keys": list(record.host_keys.get(each.id, ()))}
        for each in record.machines
    ]


def render_made(made: Made) -> str:
    """Return a row for each machine, and what is left to say."""
    record = made.record
    name = made.plan.deployment
    if record is None:
        return f"{name}: nothing was made"
    what = "nothing to do" if made.plan.is_empty else "made"
    state = ", which are stopped" if record.status == "stopped" else ""
    parts = [f"{name}: {what}; {len(record.machines)} machines{state}", render_machines(record)]
    if record.unpinned and record.status != "stopped":
        names = ", ".join(each.name for each in record.unpinned)
        parts.append(
            f"unknown: the host keys of {names}, which the cloud has not told yet; "
            "the same command again asks for them"
        )
    parts.append(
        f"Next: qinfra drift --name {name}   qinfra stop --name {name}   "
        f"qinfra destroy --name {name}"
    )
    return "\n\n".join(parts)


def render_machines(record: FleetRecord, power: Mapping[str, Power] | None = None) -> str:
    """Return a row for each machine on record; with what each does, when that was asked."""
    header = (*_HEADER, "STATE") if power is not None else _HEADER
    rows = []
    for each in record.machines:
        row = (
            each.name,
            each.role,
            each.region,
            each.private_ip,
            each.public_ip or "-",
            "pinned" if record.host_keys.get(each.id) else "unknown",
            each.id,
        )
        state = (power[each.id].value if each.id in power else "unknown",) if power else ()
        rows.append((*row, *state) if power is not None else row)
    return table(header, rows)


def render_standing(standing: Standing | None) -> str:
    """Return what was left half made, and what it costs as long as it stands."""
    if standing is None:
        return "unknown what stands: the states could not be read"
    unpriced = (
        f", without kinds that have no price: {standing.unpriced}" if standing.unpriced else ""
    )
    return (
        f"{standing.resources} resources stand, {standing.machines} machines among them; "
        f"they cost {standing.hourly_usd:,.2f} USD an hour{unpriced}"
    )


def _action(made: Made) -> str:
    if not made.agreed:
        return "refused"
    return "nothing" if made.plan.is_empty else "made"


def saving_document(saving: Saving) -> dict[str, Any]:
    """Return what stopping is worth."""
    return {
        "saved_usd_per_hour": str(saving.hourly_usd),
        "saved_usd_per_month_nights_and_weekends": str(saving.nights_usd),
        "goes_on_usd_per_hour": str(saving.goes_on_usd),
        "reserved": saving.reserved,
        "unpriced_lines": saving.unpriced,
    }


def render_saving(saving: Saving) -> str:
    """Return what stopping saves, and what is paid on."""
    goes_on = f"{saving.goes_on_usd:,.2f} USD an hour goes on, traffic as assumed"
    if saving.reserved:
        return (
            "saves nothing as far as the hours are reserved: these are paid, running or not; "
            f"{goes_on}"
        )
    unpriced = f", without {saving.unpriced} unpriced lines" if saving.unpriced else ""
    return (
        f"saves {saving.hourly_usd:,.2f} USD an hour{unpriced}; {goes_on}\n"
        f"stopped on nights and weekends (running 12 hours on 5 days) it saves "
        f"{saving.nights_usd:,.2f} USD a month"
    )
