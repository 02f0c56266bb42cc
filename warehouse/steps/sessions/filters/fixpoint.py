"""The filters of sessions and items, taken in turns until neither drops anything more."""

from warehouse.engine.protocol import Database
from warehouse.engine.statements import statement


def drop_until_stable(db: Database, min_length: int, min_support: int) -> int:
    """Drop sessions and items of the view `inside` until both minima hold; returns the rounds it took.

    Makes the tables `dropped_sessions` and `dropped_items`. They grow, and `counted_items` shrinks, by what the last
    round dropped alone: those keys are few, while keeping all kept keys, or writing the clicks anew, would need several
    times the memory and time.

    Args:
        db: has the view `inside` and the table `found_sessions`.
        min_length: events that a session must keep.
        min_support: events that an item must keep.
    """
    db.table("dropped_sessions", statement("sessions_dropped", min_length=min_length))
    db.table("counted_items", statement("items_counted"))
    dropped = db.table("dropped_items", statement("items_dropped", min_support=min_support))
    rounds = 1
    while dropped and db.table("falling_sessions", statement("sessions_falling", min_length=min_length)):
        db.table("counted_items", statement("items_recounted"))
        db.table("dropped_sessions", statement("sessions_dropped_by_now"))
        before = dropped
        dropped = db.table("dropped_items", statement("items_dropped", min_support=min_support))
        rounds += 1
        if dropped == before:
            break
    return rounds
