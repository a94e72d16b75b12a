"""From what a person says, and what is on record, to an order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from infra.errors import ConfigError
from infra.resizing import Resize, resized
from infra.stacks.names import check_deployment
from provision.fleet.order import Order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.declaration import Phase, PhaseConfig
    from provision.costing import Costing
    from provision.fleet.record import FleetRecord, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was said on the command line; what was not stays as it is on record.

    Attributes:
        purchase: As the command line knows it.
        values: Of variables.
        resizes: Put in the place of earlier ones of the same role and region.
        unsized: Roles and regions whose number is the model's again.
    """

    deployment: str
    phase: Phase
    purchase: str | None = None
    regions: tuple[str, ...] | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    resizes: tuple[Resize, ...] = ()
    unsized: tuple[tuple[str, str], ...] = ()


def order_of(asked: Asked, costing: Costing, record: FleetRecord | None) -> Order:
    """Return the order.

    Raises:
        ConfigError: The deployment is another phase's, its name none that a cloud takes, or the
            purchase, a region or a resize is unknown.
    """
    check_deployment(asked.deployment)
    if record and record.config.phase != asked.phase:
        raise ConfigError(
            f"deployment {record.deployment} is phase {record.config.phase}, "
            f"and a phase has states of its own",
            hint=f"Give --name to make {asked.phase} beside it.",
        )
    model = _declared(asked, costing, record)
    resizes = _resizes(asked, record)
    config = resized(model, resizes)
    before = record.applied if record else None
    return Order(
        config=config,
        cost=costing.priced(config),
        values={**_kept_values(record, config), **asked.values},
        resizes=resizes,
        before=before,
        before_cost=costing.priced(before) if before else None,
    )


def order_scaled(asked: Asked, costing: Costing, record: FleetRecord) -> Order:
    """Return the order on record with other numbers of the roles that are asked for, and no more.

    What the model would say today of other roles is not asked: a scale touches no other node.

    Raises:
        ConfigError: A resize is of no role or region of the deployment.
    """
    model = {
        (group.role, group.region): group
        for group in _declared(asked, costing, record).shared.groups
        if (group.role, group.region) in asked.unsized
    }
    back = [Resize(role=role, region=region, count=g.count) for (role, region), g in model.items()]
    config = resized(record.config, (*asked.resizes, *back))
    groups = tuple(
        model.get((group.role, group.region), group) if not group.tenant else group
        for group in config.groups
    )
    config = replace(config, groups=groups)
    return replace(
        order_on_record(record, costing),
        config=config,
        cost=costing.priced(config),
        resizes=_resizes(asked, record),
    )


def _declared(asked: Asked, costing: Costing, record: FleetRecord | None) -> PhaseConfig:
    purchase, regions = asked.purchase, asked.regions
    if record:
        purchase = purchase or record.config.purchase.value
        regions = regions or record.config.regions
        if costing.inputs.tenants is None:  # no settings: nothing was said
            kept = replace(costing.inputs, tenants=record.config.tenants)
            costing = replace(costing, inputs=kept)
    config = costing.declared(asked.phase, purchase, regions)
    if record and (gone := [each for each in record.config.regions if each not in config.regions]):
        raise ConfigError(
            f"deployment {record.deployment} stands in {', '.join(gone)} as well, "
            "and a region that is left out would be forgotten, not destroyed",
            hint="Run `qinfra destroy` first, or name all of its regions.",
        )
    return config


def _kept_values(record: FleetRecord | None, config: PhaseConfig) -> dict[str, Value]:
    """Return the variables on record, without those of domains that no tenant has any more."""
    if record is None:
        return {}
    named = {each.name for each in config.tenants if each.domain}
    gone = {
        variable
        for each in record.config.tenants
        if each.name not in named
        for variable in (each.certificate_variable, each.zone_variable)
    }
    return {name: value for name, value in record.values.items() if name not in gone}


def _resizes(asked: Asked, record: FleetRecord | None) -> tuple[Resize, ...]:
    replaced = {(each.role, each.region) for each in asked.resizes} | set(asked.unsized)
    kept = [
        each
        for each in (record.resizes if record else ())
        if (each.role, each.region) not in replaced
    ]
    return (*kept, *asked.resizes)


def order_on_record(record: FleetRecord, costing: Costing) -> Order:
    """Return the order that a deployment was last brought to, whatever the model says today."""
    return Order(
        config=record.config,
        cost=costing.priced(record.config),
        values=record.values,
        resizes=record.resizes,
        before=record.applied,
        before_cost=costing.priced(record.applied) if record.applied else None,
    )
