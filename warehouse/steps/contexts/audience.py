"""Who gets a list tonight, and what may stand in it: counted and selected from the tables, apart from the scoring.

`audience` counts the users straight from the events, not from the contexts, so that the audit of a night notices when
a context got lost. `shelf` reads the allow and deny lists: an SQL predicate on the items of the night (in_stock AND
category <> 'adult'), or a parquet file with a column item_id.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from warehouse.engine.duckdb_engine import Engine
from warehouse.engine.statements import identifier
from warehouse.layout import Layout, as_day, midnight

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Shelf:
    """Item ids: the only ones that may be recommended (None: all that the model knows), and those that must not be."""

    allow: "pa.Array | None" = None
    deny: "pa.Array | None" = None

    def of(self, catalogue: "pa.Array") -> "pa.Array":
        """The ids of the catalogue that may be recommended, in the catalogue's order."""
        import pyarrow.compute as pc

        left = catalogue
        if self.allow is not None:
            left = left.filter(pc.is_in(left, value_set=self.allow.cast(left.type)))
        if self.deny is not None:
            left = left.filter(pc.invert(pc.is_in(left, value_set=self.deny.cast(left.type))))
        return left


def audience(engine: Engine, layout: Layout, run_date: date | str, window_days: int) -> int:
    """How many users have an event in the `window_days` up to `run_date`: each gets a list.

    FileNotFoundError if the events of `run_date` are missing.
    """
    run_date = as_day(run_date)
    if not layout.partition("events", run_date).is_file():
        raise FileNotFoundError(f"the events of {run_date} are missing: materialise events of that day first")
    first = run_date - timedelta(days=window_days - 1)
    files = [layout.partition("events", day) for day in layout.days("events") if first <= day <= run_date]
    bounds = f"timestamp >= {_literal(first)} AND timestamp < {_literal(run_date + timedelta(days=1))}"
    with engine.open() as db:
        db.view("arrived", files)
        return int(db.rows(f"SELECT count(DISTINCT user_id) FROM arrived WHERE {bounds}")[0][0])  # noqa: S608


def _literal(day: date) -> str:
    return f"TIMESTAMPTZ '{midnight(day).isoformat()}'"


def shelf(engine: Engine, layout: Layout, run_date: date | str, allow: str = "", deny: str = "") -> Shelf:
    """The night's shelf from two selections, each "" (none), a predicate on items, or the path of a parquet file.

    A relative path lies below the data folder. ValueError names the selection that cannot be read; an `allow` that
    leaves no item at all is refused too, it would empty every list.
    """
    chosen = {"allow": allow.strip(), "deny": deny.strip()}
    found = {name: _selected(engine, layout, as_day(run_date), name, text) for name, text in chosen.items() if text}
    if "allow" in found and not len(found["allow"]):
        raise ValueError(f"allow ({allow}) leaves no item that may be recommended: correct it")
    return Shelf(found.get("allow"), found.get("deny"))


def _selected(engine: Engine, layout: Layout, day: date, name: str, text: str) -> "pa.Array":
    """The ids that one selection names."""
    import duckdb

    path = layout.root / text if text.endswith(".parquet") else layout.partition("items", day)
    if not path.is_file():
        raise FileNotFoundError(f"{name} needs {path}, which does not exist: materialise items, or correct the path")
    predicate = "true" if text.endswith(".parquet") else text
    with engine.open() as db:
        db.view("items", [path])
        try:
            columns = [row[0] for row in db.rows("SELECT column_name FROM (DESCRIBE items)")]
            if "item_id" not in columns:
                raise ValueError(f"{name}: {path} has no column item_id")
            query = f"SELECT DISTINCT item_id FROM items WHERE ({predicate}\n) AND item_id IS NOT NULL"  # noqa: S608
            ids = db.reader(query).read_all()["item_id"].combine_chunks()
        except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException) as error:
            raise ValueError(
                f"{name} ({text}) is not a predicate on items ({str(error).splitlines()[0]}); "
                f"items has the columns {', '.join(map(identifier, columns))}"
            ) from error
    return ids
