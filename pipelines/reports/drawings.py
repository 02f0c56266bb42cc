"""Charts as inline SVG. Colours come from the page's classes, so a chart follows its light or dark scheme.

A chart is 560 units wide and is scaled by the page. Text that comes from data is escaped, as everywhere in the report.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 560, 220
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 14, 34  # margins of the plot
LABELS = 8  # at most so many along the bottom
ROW = 30  # height of a row of `intervals`
NAMES = 150  # width of the names beside them
LEAST = 2.0  # height of a layer of bars


@dataclass(frozen=True)
class Line:
    """A series over places along the bottom; None where it has no value.

    look: a class of the page: challenger, champion, baseline, published, popular, drift. spread: (low, high) at each
    place. marked: places with a larger mark, and `said` what it means.
    """

    name: str
    look: str
    values: Sequence[float | None]
    spread: Sequence[tuple[float, float] | None] = ()
    marked: Sequence[bool] = ()
    said: str = ""


@dataclass(frozen=True)
class Layer:
    """A series of bars that stands on the one before it; `name`: what it counts. look: a class of the page."""

    name: str
    look: str
    values: Sequence[int]


@dataclass(frozen=True)
class Interval:
    """A figure with its 95% interval, for `intervals`."""

    name: str
    look: str
    value: float
    low: float
    high: float


def bars(labels: Sequence[str], layers: Sequence[Layer]) -> Markup:
    """A bar a label, its layers on top of each other; what is not zero can be seen, however small it is."""
    heights = [sum(values) for values in zip(*(layer.values for layer in layers), strict=True)]
    ticks = _ticks(0, max([*heights, 1]))
    width = (WIDTH - LEFT - RIGHT) / max(len(labels), 1)
    parts = [_grid(ticks)]
    for place, label in enumerate(labels):
        below, base = 0, _height(0, ticks)
        said = ", ".join(f"{layer.values[place]:,} {layer.name}" for layer in layers if layer.values[place])
        for layer in layers:
            if not layer.values[place]:
                continue
            below += layer.values[place]
            top = min(_height(below, ticks), base - LEAST)
            left, wide = LEFT + (place + 0.12) * width, width * 0.76
            shape = {"x": left, "y": top, "width": wide, "height": base - top}
            parts.append(_tag("rect", f"layer {layer.look}", f"{label}: {said}", **shape))
            base = top
    parts += _bottom(labels, [LEFT + (place + 0.5) * width for place in range(len(labels))])
    return _svg(HEIGHT, parts)


def lines(labels: Sequence[str], series: Sequence[Line]) -> Markup:
    """Series over the same places, from zero up, with their spreads as bands."""
    known = [value for line in series for value in line.values if value is not None]
    known += [high for line in series for pair in line.spread if pair for high in pair]
    ticks = _ticks(0, max([*known, 0.01]))
    step = (WIDTH - LEFT - RIGHT) / max(len(labels), 1)
    places = [LEFT + (place + 0.5) * step for place in range(len(labels))]
    parts = [_grid(ticks)]
    for line in series:
        parts += _band(line, places, ticks)
    for line in series:
        parts += _curve(line, labels, places, ticks)
    return _svg(HEIGHT, [*parts, *_bottom(labels, places)])


def intervals(rows: Sequence[Interval]) -> Markup:
    """Figures one below the other, each a point on its interval."""
    ends = [end for row in rows for end in (row.low, row.high)]
    ticks = _ticks(min(ends), max(ends)) if ends else [0.0, 1.0]
    span = ticks[-1] - ticks[0]

    def at(value: float) -> float:
        return NAMES + (value - ticks[0]) / span * (WIDTH - NAMES - 62)

    bottom = len(rows) * ROW + 8
    parts = []
    for tick in ticks:
        parts.append(_tag("line", "grid", x1=at(tick), x2=at(tick), y1=0, y2=bottom))
        parts.append(_text(_number(tick, ticks), at(tick), bottom + 15, "middle"))
    for number, row in enumerate(rows):
        middle = number * ROW + ROW / 2 + 4
        said = f"{row.name}: {row.value:.4f} [{row.low:.4f}, {row.high:.4f}]"
        parts.append(_text(row.name, NAMES - 12, middle + 4, "end", "label"))
        parts.append(_tag("line", f"stroke {row.look}", said, x1=at(row.low), x2=at(row.high), y1=middle, y2=middle))
        parts.append(_tag("circle", f"dot {row.look}", said, cx=at(row.value), cy=middle, r=5))
        parts.append(_text(f"{row.value:.3f}", WIDTH - 4, middle + 4, "end", "label"))
    return _svg(bottom + 22, parts)


def _band(line: Line, places: Sequence[float], ticks: Sequence[float]) -> list[Markup]:
    found = [(place, *pair) for place, pair in zip(places, line.spread, strict=False) if pair]
    if len(found) == 1:
        place, low, high = found[0]
        bottom, top = _height(low, ticks), _height(high, ticks)
        return [_tag("line", f"stroke {line.look}", x1=place, x2=place, y1=bottom, y2=top)]
    outline = [(place, _height(high, ticks)) for place, _, high in found]
    outline += [(place, _height(low, ticks)) for place, low, _ in reversed(found)]
    return [_tag("polygon", f"band {line.look}", points=_points(outline))] if found else []


def _curve(line: Line, labels: Sequence[str], places: Sequence[float], ticks: Sequence[float]) -> list[Markup]:
    found = [
        (place, _height(value, ticks)) for place, value in zip(places, line.values, strict=True) if value is not None
    ]
    parts = [_tag("polyline", f"curve {line.look}", points=_points(found))]
    for number, value in enumerate(line.values):
        if value is None:
            continue
        marked = bool(line.marked) and line.marked[number]
        said = f"{labels[number]}, {line.name}: {value:.4f}" + (f", {line.said}" if marked else "")
        height, size = _height(value, ticks), 6 if marked else 3.2
        look = f"dot {line.look}" + (" marked" if marked else "")
        parts.append(_tag("circle", look, said, cx=places[number], cy=height, r=size))
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers that enclose [low, high], about five of them."""
    span = (high - low) or abs(high) or 1.0
    size = 10 ** math.floor(math.log10(span / 4))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if span / (size * factor) <= 4.5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def _number(value: float, ticks: Sequence[float]) -> str:
    step = ticks[1] - ticks[0]
    if step >= 1:
        return f"{value / 1000:,.10g}k" if ticks[-1] >= 10_000 else f"{value:,.0f}"
    digits = max(1, math.ceil(-math.log10(step) - 1e-9))
    return f"{value:.{digits + (round(step * 10**digits, 6) % 1 != 0)}f}"


def _height(value: float, ticks: Sequence[float]) -> float:
    return HEIGHT - BOTTOM - (value - ticks[0]) / (ticks[-1] - ticks[0]) * (HEIGHT - TOP - BOTTOM)


def _grid(ticks: Sequence[float]) -> Markup:
    parts = []
    for tick in ticks:
        high = _height(tick, ticks)
        parts.append(_tag("line", "grid", x1=LEFT, x2=WIDTH - RIGHT, y1=high, y2=high))
        parts.append(_text(_number(tick, ticks), LEFT - 8, high + 4, "end"))
    return Markup("").join(parts)


def _bottom(labels: Sequence[str], places: Sequence[float]) -> list[Markup]:
    """The labels along the bottom, of many every second or third: the last one is always there."""
    every = math.ceil(len(labels) / LABELS)
    chosen = [place for place in range(len(labels)) if (len(labels) - 1 - place) % every == 0]
    return [_text(labels[place], places[place], HEIGHT - BOTTOM + 18, "middle") for place in chosen]


def _points(found: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in found)


def _tag(name: str, look: str, said: str = "", **attributes: float | str) -> Markup:
    inside = Markup("<title>{}</title>").format(said) if said else ""
    given = Markup(" ").join(
        Markup('{}="{}"').format(key, round(value, 1) if isinstance(value, float) else value)
        for key, value in attributes.items()
    )
    return Markup('<{name} class="{look}" {given}>{inside}</{name}>').format(
        name=name, look=look, given=given, inside=inside
    )


def _text(text: str, x: float, y: float, anchor: str, look: str = "tick") -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(look, x, y, anchor, text)


def _svg(height: float, parts: Iterable[Markup]) -> Markup:
    inside = Markup("").join(escape(part) for part in parts)
    return Markup('<svg viewBox="0 0 {} {:.0f}" role="img">{}</svg>').format(WIDTH, height, inside)
