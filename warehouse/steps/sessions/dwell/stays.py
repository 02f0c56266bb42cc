"""How long a user stayed with each item: the table's rows repeated or weighted by it, and what is known of it."""

from warehouse.config import SessionsConfig
from warehouse.engine.protocol import Database
from warehouse.engine.ranges import Users
from warehouse.engine.statements import ColumnList, statement


def define_stays(db: Database, config: SessionsConfig, columns: ColumnList) -> None:
    """Define the view `stays`: columns of the view `inside`, with the time at which the user left the item."""
    db.define("stays", statement("dwell_stays", columns=columns, limit_seconds=float(config.dwell_limit_seconds)))


def rows_by_stay(config: SessionsConfig, users: tuple[Users, ...], columns: ColumnList) -> list[str]:
    """The statements of the table's rows, one for each range of users, out of the view `stays`."""
    name = "sessions_repeated" if config.dwell == "repeat" else "sessions_weighted"
    copies = {"max_copies": config.dwell_max_copies, "threshold_seconds": float(config.dwell_threshold_seconds)}
    return [statement(name, low=low, high=high, columns=columns, **copies) for low, high in users]


def count_stays(db: Database) -> tuple[int, int]:
    """How many clicks of the table have a known stay, and how many an absurd one."""
    known, absurd = db.rows(statement("dwell_counts"))[0]
    return known, absurd
