"""Whether a night's splits keep to their promise: no session in two parts, nothing in training that came later."""

from dataclasses import dataclass
from datetime import date

from warehouse.days import as_day
from warehouse.engine.protocol import Engine
from warehouse.engine.statements import statement
from warehouse.layout import Layout


@dataclass(frozen=True)
class Overlap:
    """Counts of the written partition: sessions, those in two parts, training events within the held-out days."""

    sessions: int
    in_two_parts: int
    late_training_events: int


def count_overlap(engine: Engine, layout: Layout, run_date: date | str) -> Overlap:
    """Read a night's splits back and count, range by range, so that a large window needs little memory."""
    files = layout.files("splits", as_day(run_date))
    with engine.open() as db:
        db.view("splits", files)
        counts = [db.rows(statement("splits_overlap", low=low, high=high))[0] for low, high in db.ranges(files)]
        ((late,),) = db.rows(statement("splits_late"))
    sessions, in_two_parts = (sum(map(int, column)) for column in zip(*counts, strict=True))
    return Overlap(sessions, in_two_parts, int(late))
