"""Advice on a model's layout, as text for people and as a document for scripts."""

from __future__ import annotations

import math
from dataclasses import asdict
from textwrap import fill
from typing import TYPE_CHECKING, Any

from infra.capacity.layouts import Kind
from infra.capacity.placement import balanced_split, guide_split, pipelined_gain
from infra.units import GIB
from provision.report.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.capacity.layouts import Layout
    from infra.capacity.placement import ModelShape
    from infra.capacity.topology import Advice

_SHOWN_CUTS = 4
_WIDTH = 110


def topology_document(shape: ModelShape, advice: Sequence[Advice]) -> dict[str, Any]:
    """Return what `qinfra capacity topology --json` prints; null is what cannot run."""
    return {
        "model": asdict(shape),
        "splits": _splits(shape),
        "machines": [
            {
                **asdict(each),
                "layouts": [_layout_document(layout, each) for layout in each.layouts],
                "recommended": each.recommended.kind.value if each.recommended else None,
            }
            for each in advice
        ],
    }


def _layout_document(layout: Layout, advice: Advice) -> dict[str, Any]:
    seconds = layout.token_seconds
    return {
        **asdict(layout),
        "nodes": layout.nodes,
        "token_seconds": None if math.isinf(seconds) else seconds,
        "fits": layout.fits,
        "recommended": layout is advice.recommended,
    }


def _splits(shape: ModelShape) -> list[dict[str, Any]]:
    if shape.layers < 2:
        return []
    named = (("balanced", balanced_split(shape, 2)), ("guide", guide_split(shape)))
    return [{"split": n, "cuts": c, "gain": pipelined_gain(shape, c)} for n, c in named]


def render_topology(shape: ModelShape, advice: Sequence[Advice]) -> str:
    """Return the model's figures, a table for each machine, and what to take and why."""
    return "\n\n".join([_model(shape), *map(_machine, advice), *_about_splits(shape)])


def _model(shape: ModelShape) -> str:
    head = shape.lm_head_parameters / shape.layer_parameters
    tied = "is the embedding table and reads" if shape.tied else "reads"
    return (
        f"{shape.id}: {shape.family}, {shape.parameters:,} parameters in {shape.layers} layers, "
        f"hidden size {shape.hidden:,}, {shape.heads} heads over {shape.kv_heads} key-value heads\n"
        f"its LM head {tied} as much as {head:.1f} layers; a token keeps "
        f"{shape.layers * shape.kv_elements_per_token:,} cached elements"
    )


def _machine(advice: Advice) -> str:
    first = advice.layouts[0]
    kv = sum(stage.kv_bytes_per_token for stage in first.stages) / 1024
    header = (
        "LAYOUT", "LAYERS", "WEIGHTS A NODE", "MEMORY", "SEQUENCES", "MS/TOKEN", "TOKENS/S",
        "USD/M TOKENS", "",
    )  # fmt: skip
    rows = [_row(layout, advice) for layout in advice.layouts]
    usable = advice.usable_bytes / GIB
    return (
        f"{first.nodes} x {advice.machine}, {advice.dtype}, {usable:.1f} GiB usable each, "
        f"{kv:,.0f} KiB of cache a token\n{table(header, rows)}\n{_recommendation(advice)}"
    )


def _row(layout: Layout, advice: Advice) -> tuple[str, ...]:
    heaviest = max(stage.weight_bytes for stage in layout.stages) / GIB
    price = layout.usd_per_million_tokens
    return (
        _name(layout),
        _layers(layout),
        f"{heaviest:.2f} GiB",
        f"{layout.memory_bytes / GIB:.1f} GiB",
        f"{layout.sequences:,}" if layout.fits else "does not fit",
        f"{layout.token_seconds * 1000:,.1f}" if layout.fits else "-",
        f"{layout.tokens_per_second:,.1f}" if layout.fits else "-",
        "-" if not layout.fits else "unpriced" if price is None else f"{price:,.2f}",
        "<- take this" if layout is advice.recommended else "",
    )


def _name(layout: Layout) -> str:
    if layout.kind is Kind.REPLICAS:
        return f"{layout.nodes} whole"
    if layout.kind is Kind.GUIDE:
        return "guide's 30/70"
    times = f"{layout.copies} x " if layout.copies > 1 else ""
    return f"{times}{layout.kind.value} pipeline"


def _layers(layout: Layout) -> str:
    sizes = [stage.end_layer - stage.first_layer for stage in layout.stages]
    shown = "/".join(map(str, sizes[:_SHOWN_CUTS]))
    return f"{shown}/…" if len(sizes) > _SHOWN_CUTS else shown


def _recommendation(advice: Advice) -> str:
    best = advice.recommended
    taken = "nothing to recommend" if best is None else f"take {_name(best)}"
    return fill(f"{taken}: {advice.reason}", _WIDTH)


def _about_splits(shape: ModelShape) -> list[str]:
    found = _splits(shape)
    if not found:
        return []
    balanced, guide = found
    note = (
        f"Kept busy, two stages give at most {balanced['gain']:.2f} x one node at the balanced cut "
        f"{balanced['cuts'][0]}, {guide['gain']:.2f} x at the guide's {guide['cuts'][0]} "
        "(finding G07).\nAll figures are bounds from peak bandwidth and arithmetic, to compare "
        "layouts with; a hop is taken as 1.3 ms."
    )
    return [note]
