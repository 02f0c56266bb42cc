"""The picture of the rooms (see house.py): a panel a package, a box a room, an arrow where one room imports another.

Rooms stand above what they import. An arrow that follows from others is left out (what remains is the transitive
reduction); a circle is drawn in red, its rooms side by side. What a room takes from another package stands in its box.
"""

import textwrap
from collections import defaultdict
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from benchmarks.rooms.house import Graph, House, circles, levels, rooms, within

COLOURS = {"pipelines": "#8250df", "gru4rec": "#0969da", "warehouse": "#1a7f37"}
GREY = "#57606a"
BOX, GAP, ROW, MARGIN, SLOT, LANE = 224, 24, 34, 22, 22, 20
LINE, LETTERS = 16, 32


@dataclass
class Placed:
    """A box, or a slot that an arrow goes through on its way down: lines to write, left edge, top edge, size."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    x: float = 0
    y: float = 0
    width: float = SLOT
    height: float = 0


@dataclass
class Panel:
    """A package as it will be drawn: its boxes and slots, and its arrows as chains of them from above to below."""

    package: str
    boxes: dict[str, Placed]
    chains: list[list[str]]
    red: list[tuple[str, str]]
    width: float
    height: float


def draw(house: House) -> str:
    """Return the picture as SVG: the panels below each other, the arrows between packages on the right of them."""
    graph = rooms(house)
    panels = [panel(house, graph, package) for package in COLOURS]
    widest = max(place.width for place in panels)
    width = widest + 2 * MARGIN + LANE * len(panels)
    parts, y, foot = [], float(MARGIN), 0.0
    for number, place in enumerate(panels):
        parts += written(place, MARGIN, y, widest)
        if number == 0:
            foot = y + place.height / 2
        else:  # out of the first package on the right, down, and into this one
            x, side = MARGIN + widest + LANE * number, MARGIN + widest
            path = f"M{side:.0f} {foot - 16 * number:.0f}H{x:.0f}V{y + 24:.0f}H{side + 2:.0f}"
            colour = COLOURS[place.package]
            parts.append(
                f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="3" marker-end="url(#{place.package})"/>'
            )
        y += place.height + MARGIN
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {y:.0f}" width="{width:.0f}"'
        ' font-family="Helvetica, Arial, sans-serif">',
        "<defs>",
        marker("thin", 8, GREY),
        *(marker(package, 5, colour) for package, colour in COLOURS.items()),
        "</defs>",
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    return "\n".join([*head, *parts, "</svg>", ""])


def marker(name: str, size: int, colour: str) -> str:
    """Return the head of an arrow."""
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="{size}" markerHeight="{size}"'
        f' orient="auto"><path d="M0 0 8 4 0 8z" fill="{colour}"/></marker>'
    )


def panel(house: House, graph: Graph[str], package: str) -> Panel:
    """Place the rooms of a package in rows, each above what it imports, and lead the arrows between them."""
    inside = within(graph, package)
    row = levels(inside)
    boxes = {name: Placed(box_lines(house, graph, name), width=BOX) for name in inside}
    chains, red = [], []
    for above, found in reduced(inside).items():
        for below in sorted(found):
            if row[above] == row[below]:
                red.append((above, below))
                continue
            slots = [f"{above} {below} {level}" for level in range(row[above] - 1, row[below], -1)]
            for level, slot in zip(range(row[above] - 1, row[below], -1), slots, strict=True):
                boxes[slot], row[slot] = Placed(), level
            chains.append([above, *slots, below])
    rows = ordered(row, chains)
    width = max(sum(boxes[name].width + GAP for name in names) for names in rows) + GAP
    y: float = 46
    for names in rows:
        height = max(20 + LINE * len(boxes[name].lines) for name in names)
        x = (width - sum(boxes[name].width + GAP for name in names) + GAP) / 2
        for name in names:
            box = boxes[name]
            box.x, box.y, box.height = x, y, height
            x += box.width + GAP
        y += height + ROW
    return Panel(package, boxes, chains, red, width, y - ROW + MARGIN)


def box_lines(house: House, graph: Graph[str], name: str) -> list[tuple[str, str]]:
    """Return what stands in a room's box, line by line, each with its style."""
    lines = [("room", name.split(".")[1])]
    purpose = house.purposes[name].split(". ")[0].rstrip(".").replace("`", "")
    lines += [("text", line) for line in textwrap.wrap(purpose, LETTERS)]
    for package in COLOURS:
        if package != name.split(".")[0]:
            taken = sorted(other.split(".")[1] for other in graph[name] if other.split(".")[0] == package)
            if taken:
                lines += [(package, line) for line in textwrap.wrap(f"{package}: {', '.join(taken)}", LETTERS)]
    return lines


def reduced(graph: Graph[str]) -> Graph[str]:
    """Leave out the arrows that follow from others; those inside a circle stay."""
    circle = {node: group for group in circles(graph) for node in group}
    below: dict[str, set[str]] = {}
    for node in sorted(graph, key=levels(graph).__getitem__):
        below[node] = {far for near in graph[node] for far in (near, *below.get(near, ()))}
    kept: Graph[str] = defaultdict(set)
    for node, found in graph.items():
        outside = {near for near in found if circle[near] != circle[node]}
        kept[node] = found - outside
        kept[node] |= {near for near in outside if not any(near in below[other] for other in outside - circle[near])}
    return kept


def ordered(row: dict[str, int], chains: list[list[str]]) -> list[list[str]]:
    """Return the rows from above to below, each sorted so that arrows are short and seldom cross (barycentres)."""
    rows = [sorted(name for name in row if row[name] == level) for level in range(max(row.values()), -1, -1)]
    beside: dict[str, list[str]] = defaultdict(list)
    for chain in chains:
        for above, below in pairwise(chain):
            beside[above].append(below)
            beside[below].append(above)
    for sweep in range(8):
        order = range(1, len(rows)) if sweep % 2 == 0 else range(len(rows) - 2, -1, -1)
        for index in order:
            near = rows[index - 1 if sweep % 2 == 0 else index + 1]
            places = {name: place - len(near) / 2 for place, name in enumerate(near)}

            def centre(name: str, places: dict[str, float] = places) -> float:
                found = [places[other] for other in beside[name] if other in places]
                return sum(found) / len(found) if found else 0.0

            rows[index].sort(key=centre)
    return rows


def written(place: Panel, x: float, y: float, width: float) -> list[str]:
    """Return a panel's SVG, its upper left corner at (x, y), its boxes in the middle of `width`."""
    colour = COLOURS[place.package]
    parts = [
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{place.height:.0f}" rx="10" fill="{colour}"'
        f' fill-opacity=".06" stroke="{colour}" stroke-width="1.5"/>',
        f'<text x="{x + 14:.0f}" y="{y + 28:.0f}" font-size="20" font-weight="bold" fill="{colour}">'
        f"{place.package}/</text>",
        f'<g transform="translate({x + (width - place.width) / 2:.0f} {y:.0f})">',
    ]
    parts += [arrow([place.boxes[name] for name in chain]) for chain in place.chains]
    for above, below in place.red:
        a, b = place.boxes[above], place.boxes[below]
        parts.append(
            f'<path d="M{a.x + a.width / 2:.0f} {a.y:.0f}Q{(a.x + b.x + BOX) / 2:.0f} {a.y - ROW:.0f}'
            f' {b.x + b.width / 2:.0f} {b.y:.0f}" fill="none" stroke="#cf222e" stroke-dasharray="4 3"/>'
        )
    for box in place.boxes.values():
        if box.lines:
            parts.append(
                f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width}" height="{box.height}" rx="6" fill="white"'
                f' stroke="{colour}"/>'
            )
            parts += [text(line, style, box.x + 11, box.y + 22 + LINE * n) for n, (style, line) in enumerate(box.lines)]
    return [*parts, "</g>"]


def arrow(chain: list[Placed]) -> str:
    """Return a line from the foot of the first box through the slots to the head of the last."""
    x, y = chain[0].x + chain[0].width / 2, chain[0].y + chain[0].height
    path = f"M{x:.0f} {y:.0f}"
    for box in chain[1:]:
        to = box.x + box.width / 2
        path += f"C{x:.0f} {y + 20:.0f} {to:.0f} {box.y - 20:.0f} {to:.0f} {box.y:.0f}"
        x, y = to, box.y + box.height
        path += "" if box.lines else f"V{y:.0f}"
    return f'<path d="{path}" fill="none" stroke="{GREY}" stroke-width="1.4" marker-end="url(#thin)"/>'


def text(line: str, style: str, x: float, y: float) -> str:
    """Return a line of a box: its name, what it is for, or what it takes from another package."""
    look = 'font-size="15" font-weight="bold"' if style == "room" else 'font-size="12.5"'
    fill = COLOURS.get(style, "#1f2328")
    return f'<text x="{x:.0f}" y="{y:.0f}" {look} fill="{fill}">{escape(line)}</text>'
