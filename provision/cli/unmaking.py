"""`qinfra destroy` of what is in a cloud."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from infra.errors import PartialFailure
from provision.cli.cloud import apply_lines, confirmed, costing_of, tools_of, typed
from provision.cli.options import notice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provision.fleet.planning import StackPlan
    from provision.state import DeploymentFolder


def destroy_machines(folder: DeploymentFolder, flags: dict[str, Any]) -> bool:
    """Destroy what a deployment has in its cloud; returns whether that was agreed to.

    Raises:
        PartialFailure: Something with its tag is left, or nobody knows.
        QinfraError: As `provision.fleet.unmaking.unmake`.
    """
    from provision.fleet.clouds import cloud_for
    from provision.fleet.ordering import order_on_record
    from provision.fleet.record import load_fleet
    from provision.fleet.unmaking import Wreckers, unmake

    record = load_fleet(folder)
    if record is None:
        return False
    inputs = {"assume": (), "as_guide": False, "network": None, "rpc_url": None}
    order = order_on_record(record, costing_of({"config": flags["config"], **inputs}))
    wreckers = Wreckers(
        tools=tools_of(flags),
        cloud=cloud_for(record.config, record.values),
        lines=apply_lines,
        approve=partial(_approved, name=folder.name, yes=flags["yes"]),
        command=typed(),
        refresh=flags["refresh"],
        linger_seconds=flags["wait"],
    )
    done = unmake(folder, record, order, wreckers)
    again = f"Run `qinfra destroy --name {folder.name}` again, or see `qinfra sweep`."
    for each in done.kept:
        notice(
            f"kept on purpose, and paid for: {each.id}; "
            "its key is gone in 30 days, so copy it under another key or delete it"
        )
    if done.unknown:
        raise PartialFailure(
            f"{folder.name}: destroyed, but unknown whether all is gone: {done.unknown}",
            hint=again,
        )
    if done.left:
        listed = ", ".join(each.id for each in done.left[:5])
        more = f" and {len(done.left) - 5} more" if len(done.left) > 5 else ""
        raise PartialFailure(f"{folder.name}: still there: {listed}{more}", hint=again)
    return done.agreed


def _approved(plans: Sequence[StackPlan], *, name: str, yes: bool) -> bool:
    from provision.report.plan import render_losses

    notice(render_losses(plans))
    count = sum(each.summary.resources for each in plans if each.summary)
    return confirmed(f"Destroy {count} resources of {name}?", yes=yes)
