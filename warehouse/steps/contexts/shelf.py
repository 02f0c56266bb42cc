"""What may stand in tonight's lists: the items that an allow and a deny list leave.

Each list is an SQL predicate on the items of the night (in_stock AND category <> 'adult'), or a parquet file with a
column item_id.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.days import as_day
from warehouse.engine.errors import StatementRefused
from warehouse.engine.parquet_files import NUMBERS, TEXTS, kind, rows_of, schema_of
from warehouse.engine.predicates import CHOSEN, judge_predicate, predicate_statement
from warehouse.engine.protocol import LocalEngine
from warehouse.engine.statements import identifier
from warehouse.layout import Layout
from warehouse.sentences import shown
from warehouse.steps.items.ids import beyond_int64, item_ids

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
        """The ids of the catalogue that may be recommended, in the catalogue's order.

        Raises:
            ValueError: a list names items by ids that are none of the catalogue's type.
        """
        import pyarrow.compute as pc

        left = catalogue
        if self.allow is not None:
            left = left.filter(pc.is_in(left, value_set=_as_ids("allow", self.allow, left.type)))
        if self.deny is not None:
            left = left.filter(pc.invert(pc.is_in(left, value_set=_as_ids("deny", self.deny, left.type))))
        return left


def _as_ids(name: str, ids: "pa.Array", wanted: "pa.DataType") -> "pa.Array":
    import pyarrow as pa

    try:
        return ids.cast(wanted)
    except pa.ArrowInvalid:
        one = next((text for text in ids.to_pylist() if not str(text).isdecimal()), ids[0].as_py())
        raise ValueError(
            f"{name} names the item {shown(str(one))}, and the model knows items by whole numbers: deliver the raw "
            f"items, or the file, with the ids that the events have"
        ) from None


def shelf(
    engine: LocalEngine,
    layout: Layout,
    run_date: date | str,
    allow: str = "",
    deny: str = "",
    known_as: str | None = None,
) -> Shelf:
    """The night's shelf.

    Args:
        allow: "" (no list), a predicate on items, or the path of a parquet file, which is relative to the data folder.
        deny: likewise.
        known_as: what ids are to the model, int64 or string: a file's ids are read so where the night's items have no
            row to tell.

    Raises:
        FileNotFoundError: the items of the night, or the file, are missing.
        ValueError: a list cannot be read, a file names no item, or `allow` leaves no item, which would empty every
            list.
    """
    chosen = {"allow": allow, "deny": deny}
    day = as_day(run_date)
    found = {name: _listed(engine, layout, day, name, text, known_as) for name, text in chosen.items() if text}
    if "allow" in found and not len(found["allow"]):
        raise ValueError(f"allow ({_short(allow)}) leaves no item that may be recommended: correct it")
    return Shelf(found.get("allow"), found.get("deny"))


def judge_list(text: str) -> None:
    """Raise ValueError, which says what an allow or a deny list may be, for what is one for no items whatever."""
    if not text or _is_file(text):
        return
    try:
        judge_predicate(text)
    except ValueError as error:
        raise ValueError(
            f'use "" for no list, a .parquet file with item_id, or one true-or-false SQL expression on items, such as '
            f"in_stock AND year > 1990 ({error})"
        ) from None


def _listed(engine: LocalEngine, layout: Layout, day: date, name: str, text: str, known_as: str | None) -> "pa.Array":
    """The ids that one list names."""
    items, path = layout.files("items", day), layout.root / text.strip()
    files = [path] if _is_file(text) else items
    if not files or not files[0].is_file():
        missing = path if _is_file(text) else layout.place("items", day)
        raise FileNotFoundError(f"{name} needs {missing}, which does not exist: materialise items, or correct the path")
    columns = schema_of(files[0]).names
    if "item_id" not in columns:
        raise ValueError(f"{name}: {files[0]} has no column item_id")
    if _is_file(text):
        return _ids_of_file(name, path, items, known_as)
    try:
        return _satisfying(engine, files, text)
    except (ValueError, StatementRefused) as error:
        raise ValueError(
            f"{name} ({_short(text)}) is not a predicate on items ({str(error).splitlines()[0]}); "
            f"items has the columns {_short(', '.join(map(identifier, columns)))}"
        ) from error


def _ids_of_file(name: str, path: Path, items: list[Path], known_as: str | None) -> "pa.Array":
    """The distinct ids of a file, of the type that the night's items have; rows without one are left out.

    Items without a row were not delivered, and their file's type says nothing.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found = kind(schema_of(path).field("item_id").type)
    if found not in (*NUMBERS, *TEXTS, "null"):
        raise ValueError(f"{name}: column 'item_id' of {path} is {found[:80]}: write ids as whole numbers or text")
    column = pq.ParquetFile(path).read(columns=["item_id"])["item_id"]
    if column.null_count == len(column):
        raise ValueError(f'{name}: {path} names no item: deliver it whole, or set {name} to "" for no list')
    natural = "string" if found in TEXTS or beyond_int64(column) else "int64"
    told = next((str(schema_of(file).field("item_id").type) for file in items if rows_of(file)), known_as)
    wanted = told or natural
    try:
        ids = item_ids(column, wanted)
        if wanted == "int64" and natural == "string":
            written = item_ids(column, "string")
            if other := written.filter(pc.not_equal(ids.cast(pa.string()), written)).to_pylist():
                raise ValueError(f"{shown(other[0])} would become another id as a whole number")
    except ValueError as error:
        raise ValueError(
            f"{name}: item_id of {path} cannot be read as {wanted}, which this shop's ids are: {error}"
        ) from error
    return pc.unique(ids.combine_chunks().drop_null())


def _satisfying(engine: LocalEngine, items: list[Path], predicate: str) -> "pa.Array":
    """The distinct ids of the rows of items that satisfy a predicate, which reaches no file."""
    import pyarrow as pa
    import pyarrow.compute as pc

    query = predicate_statement("items", "item_id", predicate)
    with engine.open() as db:
        db.view("items_file", items)
        db.table("items", "SELECT * FROM items_file")
        db.confine()
        rows = db.reader(query)
        if not pa.types.is_boolean(rows.schema.field(CHOSEN).type):
            raise ValueError(f"it gives {rows.schema.field(CHOSEN).type}, not true or false")
        table = rows.read_all()
    return pc.unique(table.filter(table[CHOSEN])["item_id"].drop_null())


def _is_file(text: str) -> bool:
    return text.strip().endswith(".parquet")


def _short(text: str) -> str:
    return text if len(text) <= 150 else f"{text[:150]}..."
