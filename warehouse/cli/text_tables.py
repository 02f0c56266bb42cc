"""Tables as text, for a terminal."""

import datetime as dt
from collections.abc import Sequence


def cell(value: object) -> str:
    """A value as one cell; empty for None."""
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None or value == "{}" else str(value)


def aligned(head: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> str:
    """Head and lines, each column as wide as its widest cell. Numbers are left-aligned too, for ids are."""
    widths = [max(len(row[i]) for row in (head, *lines)) for i in range(len(head))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in (head, rule, *lines)
    )
