"""Whole replicas or a pipeline: every layout computed, one recommended, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.capacity.assumptions import Assumptions
from infra.capacity.fitting import fewest_stages_split
from infra.capacity.layouts import Case, Layout, LayoutKind, best_of, pipeline, replicas
from infra.capacity.placement import balanced_split, parse_split, shared_split
from infra.capacity.reasons import reason_of, verdict_on
from infra.capacity.roofline import device_of
from infra.domain import Interval, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from infra.capacity.placement import ModelShape
    from infra.capacity.roofline import Device, Load
    from infra.machines import Machine

MOST_STAGES = 4  # more are computed only for a model that needs them
NAMED_SPLITS = ("balanced", "guide")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """How to lay a model out over one kind of machine.

    Attributes:
        kv_bytes_per_token: Of all layers together.
        notes: What of the dtype to know.
        layouts: By nodes; replicas stand beside every pipeline with as many nodes.
        recommended: The one with the most tokens a second for each node; None if nothing fits.
        reason: Why, with its figures, in a sentence.
        pinned: The split that was asked for.
        verdict_on_pin: What it costs against the balanced one; empty without it.
    """

    machine: Machine
    device: Device
    load: Load
    kv_bytes_per_token: int
    notes: tuple[str, ...]
    layouts: tuple[Layout, ...]
    recommended: Layout | None
    reason: str
    pinned: Layout | None
    verdict_on_pin: str


def named_split(text: str, shape: ModelShape) -> tuple[int, ...]:
    """Return the cuts that a person pinned: "balanced", the guide's 30/70, or as in "8" or "5,10".

    Raises:
        ConfigError: Neither a name nor cuts of this model.
    """
    name = text.strip().lower()
    if name == "balanced":
        return balanced_split(shape, 2)
    if name == "guide":
        return guide_split(shape)
    if name.isalpha():
        raise unknown("split", text, (*NAMED_SPLITS, str(max(shape.layers // 2, 1))))
    return parse_split(text, shape.layers)


def guide_split(shape: ModelShape) -> tuple[int, ...]:
    """Return the cut that leaves 30 % of the work to the embedding node.

    Raises:
        ConfigError: The model has one layer.

    Source:
        Guide §2.4.
    """
    return shared_split(shape, Assumptions().embedding_share)


def advise(
    shape: ModelShape,
    machine: Machine,
    load: Load,
    *,
    usd_per_hour: Decimal | None = None,
    pin: tuple[int, ...] | None = None,
) -> Advice:
    """Return the layouts of a model on one kind of machine, and the best of them.

    Args:
        shape: The model.
        machine: Every node.
        load: Dtype, context and sequences.
        usd_per_hour: What a machine costs; None is unpriced.
        pin: Cuts to compute besides.

    Raises:
        ConfigError: The context is longer than the model's.
    """
    Interval(1, shape.context_tokens).check("context", load.context_tokens)
    device = device_of(machine, load.dtype)
    case = Case(shape=shape, device=device, load=load, usd_per_hour=usd_per_hour)
    layouts = _layouts(case, pin)
    recommended = best_of(layouts)
    pinned = next((x for x in layouts if x.cuts == pin), None) if pin else None
    return Advice(
        machine=machine,
        device=device,
        load=load,
        kv_bytes_per_token=shape.layers * shape.kv_elements_per_token * load.dtype_bytes,
        notes=_notes(shape, machine, load),
        layouts=layouts,
        recommended=recommended,
        reason=reason_of(case, layouts, recommended),
        pinned=pinned,
        verdict_on_pin=verdict_on(pinned, layouts) if pinned else "",
    )


def _layouts(case: Case, pin: tuple[int, ...] | None) -> tuple[Layout, ...]:
    shape, load = case.shape, case.load
    stages = {*range(2, min(MOST_STAGES, shape.layers) + 1), *([len(pin) + 1] if pin else ())}
    balanced = (balanced_split(shape, number) for number in sorted(stages))
    found = dict.fromkeys(balanced, LayoutKind.BALANCED)
    for sequences in (1, load.sequences):
        fitted = fewest_stages_split(shape, load, case.device, sequences=sequences)
        if fitted:
            even = fitted == balanced_split(shape, len(fitted) + 1)
            found.setdefault(fitted, LayoutKind.BALANCED if even else LayoutKind.FITTED)
    if shape.layers > 1:
        found.setdefault(guide_split(shape), LayoutKind.GUIDE)
    if pin:
        found.setdefault(pin, LayoutKind.PINNED)
    sizes = sorted({1, *(len(cuts) + 1 for cuts in found)})
    layouts = [replicas(case, nodes) for nodes in sizes]
    layouts += [pipeline(case, cuts, kind) for cuts, kind in found.items()]
    return tuple(sorted(layouts, key=lambda x: (x.nodes, x.kind.rank)))


def _notes(shape: ModelShape, machine: Machine, load: Load) -> tuple[str, ...]:
    gpu, dtype = machine.gpu, load.dtype
    notes = []
    if gpu is None and dtype == "float32":
        notes.append("float32, as no cloud promises 16-bit arithmetic of its CPUs")
    elif gpu is None:
        notes.append(f"CPUs are taken to compute {dtype} at the rate of float32")
    elif dtype != "float32" and not gpu.bfloat16:
        has = "float16 is its 16-bit format" if dtype == "float16" else "computed as float32"
        notes.append(f"a {gpu.name} has no bfloat16: {has}")
    if dtype == "float16" and shape.family.startswith("qwen"):
        notes.append("Qwen models may overflow in float16 (finding G09)")
    return tuple(notes)


def cheapest(advices: Sequence[Advice]) -> Advice | None:
    """Return the advice whose recommended layout has the cheapest tokens; None without prices."""
    priced = [
        (layout.usd_per_million_tokens, index)
        for index, layout in enumerate(advice.recommended for advice in advices)
        if layout is not None and layout.usd_per_million_tokens is not None
    ]
    return advices[min(priced)[1]] if priced else None
