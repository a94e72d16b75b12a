"""Charts as inline SVG that takes its colours and font from the page around it."""

from __future__ import annotations

import io
import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width
from zlib import crc32

from infra.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes

# Matplotlib draws in these; the page's own variables take their place.
_INK, _MUTED, _GRID, _SERIES = "#010101", "#020202", "#030303", ("#040404", "#050505", "#060606")
_MORE = ("#070707", "#080808", "#090909", "#0a0a0a")
_VARIABLES = {
    _INK: "--ink",
    _MUTED: "--muted",
    _GRID: "--grid",
    **{colour: f"--series-{number}" for number, colour in enumerate((*_SERIES, *_MORE), start=1)},
}
_WIDE_INCHES, _NARROW_INCHES = 8.4, 4.8  # a whole row of the page, half of one
_LABEL_POINTS = 9
_UNKNOWN_GLYPH_EM = 0.4  # what a full-width glyph is wider than the box drawn in its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a chart; the page draws each in a colour of its own."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A vertical line, with its meaning written on it."""

    label: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A horizontal bar of parts one after the other; `span` is drawn over it as a range."""

    label: str
    parts: tuple[float, ...]
    span: tuple[float, float] | None = None
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What an axis measures, and how far it is drawn."""

    label: str
    high: float | None = None


def line_chart(
    title: str, lines: Sequence[Line], axes: tuple[Axis, Axis], marks: tuple[float, Mark]
) -> str:
    """Return curves over load, with a horizontal and a vertical mark.

    Args:
        title: Read aloud for those who cannot see the chart.
        lines: At most seven.
        axes: Horizontal, vertical.
        marks: A height, and a place with what it is.

    Raises:
        ConfigError: Matplotlib is not installed.
    """
    with _drawing(title, (_NARROW_INCHES, 2.9)) as (axis, svg):
        for line, colour in zip(lines, (*_SERIES, *_MORE), strict=False):
            axis.plot(line.x, line.y, color=colour, linewidth=2, label=line.label)
        level, place = marks
        axis.axhline(level, color=_INK, linewidth=1, linestyle=(0, (4, 3)))
        axis.axvline(place.at, color=_MUTED, linewidth=1, linestyle=(0, (1, 2)))
        _scaled(axis, axes)
        axis.annotate(place.label, (place.at, 0.97), xycoords=("data", "axes fraction"),
                      xytext=(4, 0), textcoords="offset points", color=_MUTED,
                      va="top")  # fmt: skip
        axis.grid(axis="both", color=_GRID, linewidth=0.6)
        _legend(axis, len(lines))
    return svg[0]


def bar_chart(title: str, bars: Sequence[Bar], parts: Sequence[str], axis_label: str) -> str:
    """Return horizontal bars, the first at the top; their parts are in the legend.

    Raises:
        ConfigError: Matplotlib is not installed.
    """
    with _drawing(title, (_WIDE_INCHES, 0.75 + 0.34 * len(bars))) as (axis, svg):
        rows = range(len(bars))
        start = [0.0] * len(bars)
        for index, colour in zip(range(len(parts)), (*_SERIES, *_MORE), strict=False):
            widths = [bar.parts[index] for bar in bars]
            axis.barh(rows, widths, left=start, color=colour, height=0.62, label=parts[index])
            start = [left + width for left, width in zip(start, widths, strict=True)]
        for row, bar in enumerate(bars):
            end = max(start[row], bar.span[1] if bar.span else 0.0)
            if bar.span:
                axis.plot(bar.span, (row, row), color=_INK, linewidth=1.4, marker="|", markersize=9)
            axis.annotate(bar.value, (end, row), xytext=(6, 0), textcoords="offset points",
                          va="center", color=_INK)  # fmt: skip
        _rows(axis, [bar.label for bar in bars])
        axis.set_xlabel(axis_label, color=_MUTED)
        axis.margins(x=0.16)
        axis.set_xlim(left=0)
        if len(parts) > 1:
            _legend(axis, len(parts))
    return svg[0]


def tornado_chart(
    title: str,
    swings: Sequence[tuple[str, float, float]],
    centre: float,
    labels: tuple[str, str, str],
) -> str:
    """Return how far each input moves a figure, the one that moves it most at the top.

    Args:
        title: Read aloud for those who cannot see the chart.
        swings: Name, the figure at the input's low end, and at its high end.
        centre: The figure with all inputs as they are.
        labels: The figure, the low end, the high end.

    Raises:
        ConfigError: Matplotlib is not installed.
    """
    figure, *ends = labels
    rows = range(len(swings))
    with _drawing(title, (_WIDE_INCHES, 0.95 + 0.34 * len(swings))) as (axis, svg):
        # The shorter arm last: both lie on one side where the figure turns between the ends.
        for row, (_, *arms) in enumerate(swings):
            widths = [arm - centre for arm in arms]
            for width, colour in sorted(zip(widths, _SERIES, strict=False), key=_length):
                axis.barh(row, width, left=centre, color=colour, height=0.62)
        for end, label in enumerate(ends):
            axis.barh(rows[:1], [0], left=centre, color=_SERIES[end], label=label)
        axis.axvline(centre, color=_INK, linewidth=1)
        _rows(axis, [name for name, _, _ in swings])
        axis.set_xlabel(figure, color=_MUTED)
        _legend(axis, len(ends))
    return svg[0]


def _length(arm: tuple[float, str]) -> float:
    return -abs(arm[0])


@contextmanager
def _drawing(title: str, size: tuple[float, float]) -> Iterator[tuple[Axes, list[str]]]:
    """Hand out axes, and put the SVG of what was drawn on them into the list at the end."""
    matplotlib = _matplotlib()
    style = {
        "svg.fonttype": "none",  # text stays text, in the page's font
        "svg.hashsalt": title,  # the same drawing is the same bytes
        "font.family": "sans-serif",
        "axes.edgecolor": _GRID,
        "xtick.color": _MUTED,
        "ytick.color": _MUTED,
        "xtick.labelsize": _LABEL_POINTS,
        "ytick.labelsize": _LABEL_POINTS,
        "font.size": _LABEL_POINTS,
        "legend.fontsize": _LABEL_POINTS,
    }
    svg: list[str] = []
    with matplotlib.rc_context(style), warnings.catch_warnings():
        # Only the page has Chinese glyphs, and only it needs them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        from matplotlib.figure import Figure

        figure = Figure(figsize=size, layout="constrained")
        axis = figure.add_subplot()
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_axisbelow(True)
        yield axis, svg
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
        svg.append(_themed(out.getvalue(), title))


def _matplotlib() -> Any:  # noqa: ANN401 - a module
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise ConfigError(
            "the report's charts need matplotlib, which is not installed",
            hint="Run `pip install 'qinfra[analysis]'`.",
        ) from error
    return mpl


def _scaled(axis: Axes, axes: tuple[Axis, Axis]) -> None:
    horizontal, vertical = axes
    axis.set_xlabel(horizontal.label, color=_MUTED)
    axis.set_ylabel(vertical.label, color=_MUTED)
    axis.set_xlim(0, horizontal.high)
    axis.set_ylim(0, vertical.high)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _rows(axis: Axes, labels: Sequence[str]) -> None:
    _make_room(axis, max(map(_wide, labels)))
    axis.set_yticks(range(len(labels)), labels)
    axis.tick_params(axis="y", length=0, labelcolor=_INK)
    axis.invert_yaxis()
    axis.grid(axis="x", color=_GRID, linewidth=0.6)
    axis.spines["left"].set_visible(False)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _wide(text: str) -> int:
    return sum(east_asian_width(character) in "WF" for character in text)


def _make_room(axis: Axes, wide: int) -> None:
    """Leave space at the left for glyphs that only the page has, wider than Matplotlib thinks."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = axis.get_figure(root=True)
    engine = figure.get_layout_engine() if figure else None
    if isinstance(engine, ConstrainedLayoutEngine):
        share = wide * _UNKNOWN_GLYPH_EM * _LABEL_POINTS / 72 / _WIDE_INCHES
        engine.set(rect=(share, 0, 1 - share, 1))


def _legend(axis: Axes, columns: int) -> None:
    axis.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=min(columns, 4), frameon=False,
        labelcolor=_INK, borderaxespad=0.2, handlelength=1.2,
    )  # fmt: skip


def _themed(svg: str, title: str) -> str:
    """Return the drawing as part of a page: no header, its own ids, the page's colours and font."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<(metadata|style)\b.*?</\1>", "", body, flags=re.DOTALL)
    prefix = f"chart-{crc32(title.encode())}"
    body = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', body)
    body = re.sub(r'xlink:href="#', f'xlink:href="#{prefix}-', body)
    body = re.sub(r"url\(#", f"url(#{prefix}-", body)
    body = re.sub(r"font-family: [^;\"]+", "font-family: var(--sans)", body)
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, f"var({variable})")
    opening = re.match(r"<svg[^>]*>", body)
    box = re.search(r'viewBox="([^"]+)"', body)
    if opening is None or box is None:  # pragma: no cover - every drawing has both
        raise ValueError(title)
    label = escape(title, quote=True)
    head = (
        f'<svg viewBox="{box[1]}" role="img" aria-label="{label}" '
        'xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    return head + body[opening.end() :].strip()
