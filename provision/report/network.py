"""The network's figures as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.capacity.model import CapacityModel
    from provision.inputs import Inputs


def render_network(inputs: Inputs, model: CapacityModel) -> str:
    """Return the figures, what follows from them, and where they come from."""
    metrics, activity, wanted = inputs.metrics, model.activity, model.demand
    rows = (
        *zip(("source", *[""] * len(inputs.network_notes)), inputs.network_notes, strict=False),
        ("epoch", f"{metrics.epoch:,} at tick {metrics.tick:,}"),
        (
            "ticks",
            f"{metrics.ticks_in_epoch:,} in the epoch, {metrics.empty_ticks_in_epoch:,} empty: "
            f"quality {metrics.tick_efficiency:.2%}",
        ),
        ("addresses", f"{metrics.active_addresses:,} active"),
        (
            "supply",
            f"{metrics.circulating_supply_qu:,} QU in circulation, {metrics.burned_qu:,} burned",
        ),
        (
            "price",
            f"{metrics.price_usd:f} USD a QU, market cap {metrics.market_cap_usd:,.0f} USD",
        ),
        (
            "activity",
            f"{activity.effective_ticks_per_day:,.0f} effective ticks a day, utilisation "
            f"{activity.utilisation:.4f}",
        ),
        (
            "demand",
            f"{wanted.users:,.0f} users, {wanted.queries_per_day:,.0f} queries a day, "
            f"{wanted.peak_queries_per_hour:,.0f} in the busiest hour",
        ),
    )
    return "\n".join(f"{name:<12}{text}" for name, text in rows)
