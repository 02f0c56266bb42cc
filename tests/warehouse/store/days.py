"""Days in a store that tests write and read: files that say a text."""

from datetime import date
from pathlib import Path

from tests.object_store import say_where
from warehouse.layout import Layout
from warehouse.partitions import check, noted

DAY = date(2026, 1, 31)


def machine(root: Path, address: str) -> Layout:
    """A data folder of its own, whose tables lie at the address."""
    say_where(root, address)
    return Layout(root)


def write(layout: Layout, text: str, parts: int = 0, day: date = DAY) -> None:
    """One file, or so many parts, that say `text`."""
    with layout.replacing("events", day) as beside:
        if parts:
            beside.mkdir()
        for place in [beside / f"part-{n:05d}.parquet" for n in range(parts)] or [beside]:
            place.write_text(text)


def read(layout: Layout) -> list[str]:
    files = layout.files("events", DAY)
    for file in files:
        assert len(noted(file)) == 1
        check(file)
    return [file.read_text() for file in files]
