"""Two ways to carry a figure from one formula to the next."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING

from infra.arrays import numpy_module

if TYPE_CHECKING:
    from infra.arrays import Numbers

_NOISE = 0.5e-9


class Rounding(StrEnum):
    """Exact rounds nothing but whole machines; guide rounds every step the guide prints."""

    EXACT = "exact"
    GUIDE = "guide"


def carried(value: float, rounding: Rounding, digits: int = 0) -> float:
    """Return the value as the next formula sees it; the guide's rounding is half up."""
    if rounding is Rounding.EXACT:
        return value
    scale = 10.0**digits
    return math.floor(value * scale + 0.5) / scale


def whole_nodes(value: float) -> int:
    """Return the machines that hold this much work, rounded up.

    The ninth decimal is float noise, never a tenth machine: 0.1 x 3 x 10 needs three.
    """
    return math.ceil(round(value, 9))


def whole_nodes_each(values: Numbers) -> Numbers:
    """Return `whole_nodes` of each value of an array, as whole numbers.

    Half a ninth decimal is taken off instead of rounded to; only at that half itself, which no
    load hits but by design, do the two differ.
    """
    numpy = numpy_module()
    return numpy.ceil(values - _NOISE).astype(numpy.int64)
