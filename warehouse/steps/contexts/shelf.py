"""What may stand in tonight's lists: the items that an allow and a deny list leave.

Each list is an SQL predicate on the items of the night (in_stock AND category <> 'adult'), or a parquet file with a
column item_id.
"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from warehouse.days import as_day
from warehouse.engine.errors import StatementRefused
from warehouse.engine.parquet_files import schema_of
from warehouse.engine.protocol import Engine
from warehouse.engine.statements import identifier
from warehouse.layout import Layout

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Shelf:
    """What an allow and a deny list say.

    Args:
        allow: ids of the only items that may be recommended; None for all that the model knows.
        deny: ids of items that must not be recommended.
    """

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


def shelf(engine: Engine, layout: Layout, run_date: date | str, allow: str = "", deny: str = "") -> Shelf:
    """The night's shelf.

    Args:
        allow: "" (no list), a predicate on items, or the path of a parquet file, which is relative to the data folder.
        deny: likewise.

    Raises:
        FileNotFoundError: the items of the night, or the file, are missing.
        ValueError: a list cannot be read, or `allow` leaves no item, which would empty every list.
    """
    chosen = {"allow": allow.strip(), "deny": deny.strip()}
    found = {name: _selected(engine, layout, as_day(run_date), name, text) for name, text in chosen.items() if text}
    if "allow" in found and not len(found["allow"]):
        raise ValueError(f"allow ({allow}) leaves no item that may be recommended: correct it")
    return Shelf(found.get("allow"), found.get("deny"))


def _selected(engine: Engine, layout: Layout, day: date, name: str, text: str) -> "pa.Array":
    """The ids that one list names."""
    path = layout.root / text if text.endswith(".parquet") else layout.partition("items", day)
    if not path.is_file():
        raise FileNotFoundError(f"{name} needs {path}, which does not exist: materialise items, or correct the path")
    predicate = "true" if text.endswith(".parquet") else text
    columns = schema_of(path).names
    if "item_id" not in columns:
        raise ValueError(f"{name}: {path} has no column item_id")
    with engine.open() as db:
        db.view("items", [path])
        query = f"SELECT DISTINCT item_id FROM items WHERE ({predicate}\n) AND item_id IS NOT NULL"  # noqa: S608
        try:
            return db.reader(query).read_all()["item_id"].combine_chunks()
        except StatementRefused as error:
            raise ValueError(
                f"{name} ({text}) is not a predicate on items ({str(error).splitlines()[0]}); "
                f"items has the columns {', '.join(map(identifier, columns))}"
            ) from error
