"""Tables of the page, and figures as it writes them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table of the page.

    Attributes:
        numeric: Columns of figures.
        wide: Columns of running text.
        marked: Rows that stand out.
        bad: Cells of this text are bad news.
        foot: The last row, or none.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int]
    wide: frozenset[int]
    marked: frozenset[int]
    bad: frozenset[str]
    foot: tuple[str, ...]


def grid(  # noqa: PLR0913 - what a table may have
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numeric: Collection[int] = (),
    wide: Collection[int] = (),
    marked: int | None = None,
    bad: str | None = None,
    foot: Sequence[str] = (),
) -> Grid:
    """Return a table with what it has."""
    return Grid(
        head=tuple(head),
        rows=tuple(tuple(row) for row in rows),
        numeric=frozenset(numeric),
        wide=frozenset(wide),
        marked=frozenset(() if marked is None else (marked,)),
        bad=frozenset(() if bad is None else (bad,)),
        foot=tuple(foot),
    )


def seconds(value: float, w: Mapping[str, str]) -> str:
    """Return a response time, or that it has no end."""
    return w["no_end"] if value == math.inf else f"{value:.2f} s"
