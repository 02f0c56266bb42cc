"""Which days of a window were delivered, which were read, and what is missing."""

from dataclasses import dataclass
from datetime import date

from warehouse.days import days_between, spans
from warehouse.engine.errors import DataError
from warehouse.layout import Layout
from warehouse.steps.events.deliveries import changed, delivered, read_by


@dataclass(frozen=True)
class Calendar:
    """The days of a window, counted from the first day that was ever delivered or read; ascending.

    Args:
        days: all of them.
        read: those that have a partition of events.
        unread: delivered, but without a partition of events.
        stale: read, but their raw files have changed since, or one lies there that is refused.
        damaged: read, but the partition of events is not the file that was written.
        missing: neither delivered nor read.
        withdrawn: read, but of their raw files none is left, while those of an earlier day are. Whoever keeps raw files
            for a time only removes the oldest first.
        otherwise: read, by other settings than the last day of which they are known.
        settings: the names of those that differ.
    """

    days: tuple[date, ...]
    read: tuple[date, ...]
    unread: tuple[date, ...]
    stale: tuple[date, ...]
    damaged: tuple[date, ...]
    missing: tuple[date, ...]
    withdrawn: tuple[date, ...]
    otherwise: tuple[date, ...] = ()
    settings: tuple[str, ...] = ()

    def problem(self) -> str | None:
        """What keeps the window from being whole, as one sentence that names the days; None for a whole window."""
        said = [
            (self.missing, "{} of the window {} not delivered"),
            (self.unread, "{} of the window {} delivered but not read"),
            (self.stale, "{} {} delivered again, and the events read before are used"),
            (self.damaged, "the events of {} are damaged"),
            (self.withdrawn, "the raw files of {} are gone, and the events read before are used"),
        ]
        found = [text.format(spans(days), "was" if len(days) == 1 else "were") for days, text in said if days]
        return "; ".join(found) or None

    def remarks(self) -> str | None:
        """The problem, and the days that were read by other settings, which stops no night; None where all is well."""
        days, found = self.otherwise, [self.problem()]
        if days:
            were, names = "was" if len(days) == 1 else "were", ", ".join(self.settings)
            found.append(f"{spans(days)} {were} read with other settings than the newest day ({names})")
        return "; ".join(filter(None, found)) or None


def calendar(layout: Layout, first: date, last: date) -> Calendar:
    """Look at the days from `first` to `last`, both included."""
    arrived = {day for day in layout.raw_days() if day <= last and _arrived(layout, day)}
    partitions = {day for day in layout.days("events") if day <= last}
    known = arrived | partitions
    days = tuple(days_between(max(first, min(known)), last)) if known else (last,)
    read = tuple(day for day in days if day in partitions)
    damaged = tuple(day for day in read if not layout.sound("events", day))
    otherwise, settings = _otherwise(layout, read)
    return Calendar(
        days,
        read=read,
        unread=tuple(day for day in days if day in arrived - partitions),
        stale=tuple(day for day in days if day in arrived & partitions and changed(layout, day)),
        damaged=damaged,
        missing=tuple(day for day in days if day not in known),
        withdrawn=tuple(day for day in days if day in partitions - arrived and _withdrawn(layout, day, arrived)),
        otherwise=otherwise,
        settings=settings,
    )


def _withdrawn(layout: Layout, day: date, arrived: set[date]) -> bool:
    """Whether events of a day that no longer has raw files were read from some, and older ones are still kept."""
    return any(other < day for other in arrived) and changed(layout, day, unknown=False)


def _otherwise(layout: Layout, read: tuple[date, ...]) -> tuple[tuple[date, ...], tuple[str, ...]]:
    """The days that were read by other settings than the last one, and the names of the settings that differ."""
    known = {day: settings for day in read if (settings := read_by(layout, day)) is not None}
    last = known[max(known)] if known else {}
    differ = {
        day: {name for name in settings.keys() & last.keys() if settings[name] != last[name]}
        for day, settings in known.items()
    }
    return tuple(day for day, names in differ.items() if names), tuple(sorted(set().union(*differ.values())))


def _arrived(layout: Layout, day: date) -> bool:
    """Whether something was delivered on a day. What is refused by its name counts: `ingest_day` says why, of one day
    alone, and days beside it are read."""
    try:
        return bool(delivered(layout, day))
    except DataError:
        return True
