"""Why a layout is recommended, in sentences with figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.capacity.layouts import LayoutKind, best_of
from infra.capacity.roofline import stage_bytes
from infra.units import GIB

if TYPE_CHECKING:
    from infra.capacity.layouts import Case, Layout


def reason_of(case: Case, layouts: tuple[Layout, ...], best: Layout | None) -> str:
    """Return why this layout is the best, in a sentence with its figures.

    Args:
        case: What was computed for.
        layouts: All of them, by nodes, replicas first.
        best: One of them; None when none fits.
    """
    if best is None:
        return _nothing_fits(case)
    if best.kind is LayoutKind.REPLICAS:
        return _why_replicas(case, layouts)
    return _why_pipeline(case, layouts, best)


def _nothing_fits(case: Case) -> str:
    layers = case.shape.layers
    alone = [(layer, layer + 1) for layer in range(layers)]
    most = max(stage_bytes(case.shape, part, case.load, slots=1) for part in alone)
    return (
        f"no number of nodes holds it: one layer with one sequence takes {_gib(most)} of the "
        f"{_gib(case.device.usable_bytes)} usable of a node"
    )


def _why_replicas(case: Case, layouts: tuple[Layout, ...]) -> str:
    whole = layouts[0]
    fits = (
        f"a node holds the model whole with {_of(whole.sequences, case.load.sequences)}, "
        f"{_gib(whole.memory_bytes[0])} of {_gib(case.device.usable_bytes)} usable"
    )
    piped = next((x for x in layouts if x.nodes == 2 and x.cuts), None)
    if piped is None:
        return f"{fits}, and its one layer cannot be split"
    two = next(x for x in layouts if x.nodes == 2 and not x.cuts)
    return f"{fits}; two answer {_against(two, piped)} of a balanced pipeline over two, with no hop"


def _why_pipeline(case: Case, layouts: tuple[Layout, ...], best: Layout) -> str:
    wanted = case.load.sequences
    whole, same = (
        next(x for x in layouts if not x.cuts and x.nodes == nodes) for nodes in (1, best.nodes)
    )
    if whole.fits:
        return (
            f"whole, {best.nodes} nodes hold {_of(same.sequences, wanted)}, as {best.nodes} stages "
            f"{_of(best.sequences, wanted)}: {_against(best, same)} of as many replicas"
        )
    return (
        f"whole it takes {_gib(whole.memory_bytes[0])} with one sequence, a node has "
        f"{_gib(case.device.usable_bytes)} usable; {_held(layouts, best, wanted)}"
        f"{_runner_up(layouts, best)}"
    )


def _held(layouts: tuple[Layout, ...], best: Layout, wanted: int) -> str:
    fewest = min(x.nodes for x in layouts if x.sequences >= best.sequences)
    least = "are the fewest that hold" if best.nodes == fewest else "hold"
    return (
        f"{best.nodes} stages {least} {_of(best.sequences, wanted)} and answer "
        f"{rate(best.tokens_per_second)} tokens/s, {rate(best.tokens_per_second_per_node)} a node"
    )


def _runner_up(layouts: tuple[Layout, ...], best: Layout) -> str:
    other = best_of(x for x in layouts if x.nodes != best.nodes)
    if other is None:
        return ""
    return f", against {rate(other.tokens_per_second_per_node)} a node with {other.nodes}"


def verdict_on(pinned: Layout, layouts: tuple[Layout, ...]) -> str:
    """Compare a pin with the balanced split into as many stages."""
    even = next(
        x for x in layouts if x.kind is LayoutKind.BALANCED and len(x.cuts) == len(pinned.cuts)
    )
    gains = f"{pinned.gain:.2f} x one node, the balanced split {even.gain:.2f} x"
    if not pinned.fits:
        return f"{gains}; it does not fit"
    if not even.fits:
        return f"{gains}, which does not fit"
    return f"{gains}; {_against(pinned, even)} of the balanced one"


def _against(one: Layout, other: Layout) -> str:
    """Compare two layouts that fit."""
    ratio = (one.tokens_per_second or 0) / (other.tokens_per_second or 1)
    rates = rate(one.tokens_per_second), rate(other.tokens_per_second)
    return f"{rates[0]} tokens/s, {ratio:.2f} x the {rates[1]}"


def _of(held: int, wanted: int) -> str:
    if held < wanted:
        return f"{held:,} of {wanted:,} sequences"
    return f"all {wanted:,} sequences" if wanted > 1 else "the one sequence"


def rate(tokens_per_second: float | None) -> str:
    """Return a rate with as many digits as it is worth; a dash when there is none."""
    if tokens_per_second is None:
        return "-"
    digits = 0 if tokens_per_second >= 100 else 1 if tokens_per_second >= 10 else 2
    return (
        f"{tokens_per_second:,.{digits}f}" if tokens_per_second >= 1 else f"{tokens_per_second:.2g}"
    )


def _gib(count: int) -> str:
    return f"{count / GIB:.1f} GiB"
