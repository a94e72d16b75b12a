"""Topologies as text for people and as a document for scripts."""

from __future__ import annotations

from dataclasses import asdict
from textwrap import fill
from typing import TYPE_CHECKING, Any

from infra.capacity.layouts import LayoutKind
from infra.capacity.placement import balanced_split, pipelined_gain, stage_ranges
from infra.capacity.reasons import rate
from infra.capacity.roofline import ASSUMED_HOP_SECONDS, ASSUMED_USABLE_SHARE
from infra.capacity.topology import cheapest, guide_split
from infra.units import GIB, MIB
from provision.report.table import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.capacity.layouts import Layout
    from infra.capacity.placement import ModelShape
    from infra.capacity.topology import Advice
    from infra.pricing.catalogue import Price

_WIDTH = 110
_LABEL = 13
_MOST_SHOWN = 4  # stages whose layers are listed one by one
_MOST_LETTERS = 60  # of cuts, which no line may break
_NAMES = {
    LayoutKind.REPLICAS: "whole replicas",
    LayoutKind.BALANCED: "balanced pipeline",
    LayoutKind.FITTED: "fitted pipeline",
    LayoutKind.GUIDE: "guide's 30/70",
    LayoutKind.PINNED: "pinned pipeline",
}
_HEADER = (
    "", "NODES", "LAYOUT", "LAYERS", "WEIGHTS", "MEMORY", "FITS", "SEQS", "MS/TOKEN", "TOKENS/S",
    "A NODE", "GAIN", "USD/M",
)  # fmt: skip


def topology_document(
    shape: ModelShape, advices: Sequence[Advice], prices: Mapping[str, Price]
) -> dict[str, Any]:
    """Return what `qinfra capacity topology --json` prints."""
    best = cheapest(advices)
    return {
        "model": {**asdict(shape), "lm_head_layers": shape.lm_head_layers},
        "two_stages": {
            name: {"cuts": list(cuts), "gain": pipelined_gain(shape, cuts)}
            for name, cuts in _two_stages(shape).items()
        },
        "assumed": {
            "usable_share_of_memory": ASSUMED_USABLE_SHARE,
            "hop_seconds": ASSUMED_HOP_SECONDS,
        },
        "machines": [_machine_document(each, prices.get(each.machine.name)) for each in advices],
        "cheapest": best.machine.name if best else None,
    }


def render_topology(
    shape: ModelShape, advices: Sequence[Advice], prices: Mapping[str, Price]
) -> str:
    """Return the model in figures, a table for each machine, and what follows from them."""
    parts = [_model(shape, advices[0])]
    parts += [_machine(each, prices.get(each.machine.name)) for each in advices]
    parts.append("\n".join([*_cheapest(advices), *_finding(shape), _legend()]))
    return "\n\n".join(parts)


def _machine_document(advice: Advice, price: Price | None) -> dict[str, Any]:
    return {
        **asdict(advice),
        "price": asdict(price) if price else None,
        "layouts": [_layout_document(layout) for layout in advice.layouts],
        "recommended": _layout_document(advice.recommended),
        "pinned": _layout_document(advice.pinned),
    }


def _layout_document(layout: Layout | None) -> dict[str, Any] | None:
    if layout is None:
        return None
    each = layout.tokens_per_second_per_node if layout.fits else None
    return {**asdict(layout), "fits": layout.fits, "tokens_per_second_per_node": each}


def _two_stages(shape: ModelShape) -> dict[str, tuple[int, ...]]:
    if shape.layers == 1:
        return {}
    return {"guide": guide_split(shape), "balanced": balanced_split(shape, 2)}


def _model(shape: ModelShape, advice: Advice) -> str:
    load = advice.load
    tied = "the embedding table, used twice" if shape.tied else "a table of its own"
    rows = (
        (
            "model",
            f"{shape.id} ({shape.family}): {shape.parameters / 1e9:,.3f} billion parameters, "
            f"{shape.layers:,} layers, hidden size {shape.hidden:,}",
        ),
        ("LM head", f"as heavy as {shape.lm_head_layers:.2f} layers; {tied}"),
        (
            "asked",
            f"sequences of {load.context_tokens:,} tokens (the model's most: "
            f"{shape.context_tokens:,}); at once: {load.sequences:,}",
        ),
    )
    return "\n".join(_labelled(name, text) for name, text in rows)


def _machine(advice: Advice, price: Price | None) -> str:
    machine, device = advice.machine, advice.device
    cost = f"{price.usd} USD an hour ({price.region}, {price.date})" if price else "unpriced"
    lines = [
        f"{machine.name} ({machine.cloud}): {device.name}, {device.usable_bytes / GIB:.1f} of "
        f"{device.memory_bytes / GIB:.1f} GiB usable, {device.bytes_per_second / 1e9:g} GB/s, "
        f"{device.flops_per_second / 1e12:g} TFLOPS, {cost}",
        _format(advice),
        *(_labelled("note", note) for note in advice.notes),
        table(_HEADER, [_row(x, advice) for x in advice.layouts if _shown(x)]),
        *_recommended(advice),
    ]
    if advice.pinned:
        pinned = f"{_name(advice.pinned)}: {advice.verdict_on_pin}."
        lines.append(_labelled("PINNED", pinned))
    return "\n".join(lines)


def _format(advice: Advice) -> str:
    weights, token = advice.layouts[0].weight_bytes[0], advice.kv_bytes_per_token
    kib = f"{token / 1024:,.1f}".removesuffix(".0")
    sequence = token * advice.load.context_tokens
    return _labelled(
        advice.load.dtype,
        f"weights {weights / GIB:.2f} GiB, KV cache {kib} KiB a token, "
        f"{sequence / MIB:,.0f} MiB a full sequence",
    )


def _shown(layout: Layout) -> bool:
    """Leave out more replicas of what does not fit one node."""
    return layout.fits or layout.nodes == 1 or bool(layout.cuts)


def _row(layout: Layout, advice: Advice) -> tuple[str, ...]:
    token, usd = layout.token_seconds, layout.usd_per_million_tokens
    return (
        "*" if layout == advice.recommended else "",
        str(layout.nodes),
        _NAMES[layout.kind],
        _layers(layout.layers),
        _gib(max(layout.weight_bytes)),
        _gib(max(layout.memory_bytes)),
        "yes" if layout.fits else "NO",
        f"{layout.sequences:,}" if layout.fits else "-",
        "-" if token is None else f"{token * 1e3:,.1f}",
        rate(layout.tokens_per_second),
        rate(layout.tokens_per_second_per_node if layout.fits else None),
        f"{layout.gain:.2f} x",
        "-" if usd is None else f"{usd:,.2f}",
    )


def _gib(count: int) -> str:
    gib = count / GIB
    return f"{gib:,.1f}" if gib < 1_000 else f"{gib:,.0f}"


def _layers(layers: Sequence[int]) -> str:
    if len(layers) <= _MOST_SHOWN:
        return "+".join(str(each) for each in layers)
    least, most = min(layers), max(layers)
    return f"{least} each" if least == most else f"{least}-{most} each"


def _name(layout: Layout | None) -> str:
    if layout is None:
        return "none"
    if not layout.cuts:
        return _NAMES[layout.kind]
    return f"{_NAMES[layout.kind]} of {layout.nodes} stages (layers: {_layers(layout.layers)})"


def _recommended(advice: Advice) -> list[str]:
    layout = advice.recommended
    lines = [_labelled("RECOMMENDED", f"{_name(layout)}: {advice.reason}.")]
    if layout is not None and layout.kind is LayoutKind.FITTED:
        cuts = ",".join(str(cut) for cut in layout.cuts)
        pin = f"--split {cuts}" if len(cuts) <= _MOST_LETTERS else "the cuts are in --json"
        lines.append(_labelled("to pin it", f"{pin}, as balanced stages hold less"))
    return lines


def _cheapest(advices: Sequence[Advice]) -> list[str]:
    best = cheapest(advices)
    if best is None or best.recommended is None or len(advices) == 1:
        return []
    text = (
        f"{best.machine.name}: {_name(best.recommended)}, "
        f"{best.recommended.usd_per_million_tokens:,.2f} USD a million tokens."
    )
    return [_labelled("CHEAPEST", text)]


def _finding(shape: ModelShape) -> list[str]:
    splits = _two_stages(shape)
    if not splits:
        return []
    guide, even = (
        (
            _layers([end - first for first, end in stage_ranges(cuts, shape.layers)]),
            pipelined_gain(shape, cuts),
        )
        for cuts in splits.values()
    )
    text = (
        f"the guide's split (layers: {guide[0]}) keeps a pipeline to {guide[1]:.2f} x one node; "
        f"the balanced one ({even[0]}), which counts the LM head as layers, reaches "
        f"{even[1]:.2f} x (finding G07). --split guide pins it."
    )
    return [_labelled("30/70", text)]


def _legend() -> str:
    return _labelled(
        "how to read",
        "WEIGHTS and MEMORY are GiB of the fullest node, GAIN is from weights alone, USD/M is a "
        "million tokens on demand. Speeds are ceilings from peak rates with full caches, without "
        f"prompts; assumed: {ASSUMED_HOP_SECONDS * 1e3:g} ms a hop, {ASSUMED_USABLE_SHARE:.0%} of "
        "memory usable, rates of CPUs.",
    )


def _labelled(label: str, text: str) -> str:
    return fill(
        f"{label:<{_LABEL}}{text}",
        _WIDTH,
        subsequent_indent=" " * _LABEL,
        break_on_hyphens=False,
    )
