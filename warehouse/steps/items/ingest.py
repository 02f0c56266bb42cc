"""raw items -> items: one row an item, with its title and any feature columns.

Of several rows of one item the last one counts, in the order of the files' names and of the rows in a file. A catalogue
fits in memory, so this is plain Arrow: feature columns have names and types that no fixed statement could carry.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.days import as_day
from warehouse.engine import parquet_files
from warehouse.engine.errors import DataError, disk_sentences
from warehouse.engine.row_groups import ROW_GROUP
from warehouse.layout import Layout
from warehouse.steps.items.ids import beyond_int64, item_ids, titles
from warehouse.tables import ITEMS

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ItemsReport:
    """What one night's catalogue holds. `rejected`: rows without an id; `columns`: all of them, features too."""

    day: date
    files: int
    rows: int
    duplicates: int
    rejected: int
    columns: tuple[str, ...]


def ingest_items(
    layout: Layout,
    day: date | str,
    *,
    item_column: str = "item_id",
    title_column: str = "title",
    item_id_type: str = "auto",
) -> ItemsReport:
    """Write the `items` of a night from raw/items, sorted by item_id. Without raw items the partition is empty.

    Where a file has the named columns, others of it that are called item_id or title are not read.

    Raises:
        DataError: a file cannot be read, has no id column or two columns of one name, an id is neither a whole number
            nor text, a title cannot be text, or a column's types differ between files.
    """
    import pyarrow.parquet as pq

    day = as_day(day)
    files = parquet_files.files_of(layout.raw_items)
    if files:
        raw = _read(files, item_column, title_column, item_id_type)
    else:
        raw = ITEMS.schema(item_id="string", optional=("title",)).empty_table()
    table, rejected = _last_of_each(raw)
    with layout.replacing("items", day) as path, disk_sentences():
        pq.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP)
    return ItemsReport(
        day=day,
        files=len(files),
        rows=len(table),
        duplicates=len(raw) - rejected - len(table),
        rejected=rejected,
        columns=tuple(table.column_names),
    )


def _read(files: list[Path], item_column: str, title_column: str, item_id_type: str) -> "pa.Table":
    """All raw rows in the order of the files: item_id, title, then the features. Missing columns are null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schemas = {path: parquet_files.schema_of(path) for path in files}
    roles = {item_column: "item_id", title_column: "title"}
    wanted = {path: _wanted(path, schema.names, roles) for path, schema in schemas.items()}
    kept_as = parquet_files.id_type(schemas, item_column, item_id_type)
    read = {}
    for path in files:
        with parquet_files.sentences_of(path):
            read[path] = _plain(pq.ParquetFile(path).read().select(wanted[path]))
    if item_id_type == "auto" and any(beyond_int64(part[item_column]) for part in read.values()):
        kept_as = "string"
    parts = [_with_roles(path, part, roles, kept_as) for path, part in read.items()]
    try:
        table = pa.concat_tables(parts, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        names = ", ".join(path.name for path in files)
        raise DataError(f"the raw items ({names}) have columns of different types: {error}; convert one") from error
    first = [name for name in ITEMS.names if name in table.column_names]
    return table.select([*first, *(name for name in table.column_names if name not in first)])


def _with_roles(path: Path, part: "pa.Table", roles: dict[str, str], kept_as: str) -> "pa.Table":
    """A file's rows with its columns called by their roles; ids are as they are kept, titles are text."""
    for name, role in roles.items():
        if name not in part.column_names:
            continue
        try:
            column = item_ids(part[name], kept_as) if role == "item_id" else titles(part[name])
        except ValueError as error:
            what, remedy = (
                (f"an id that cannot be kept as {kept_as}", "write the ids as whole numbers or as text")
                if role == "item_id"
                else ("what is no title", "write text, or name another title_column")
            )
            raise DataError(f"column {name!r} of {path} holds {what} ({error}): {remedy}") from error
        part = part.set_column(part.column_names.index(name), name, column)
    return part.rename_columns([roles.get(name, name) for name in part.column_names])


def _wanted(path: Path, names: list[str], roles: dict[str, str]) -> list[int]:
    """The places of a file's columns that are read: all but those that have the name of another one's role.

    Raises:
        DataError: two of them have one name, and nobody knows which is meant.
    """
    taken = {role for name, role in roles.items() if name in names}
    places = [place for place, name in enumerate(names) if name in roles or name not in taken]
    read = [names[place] for place in places]
    if twice := next((name for name in read if read.count(name) > 1), None):
        raise DataError(f"{path} has {read.count(twice)} columns {twice!r}: leave one of them out, or rename it")
    return places


def _plain(table: "pa.Table") -> "pa.Table":
    """The table with views of text and bytes as text and bytes, of which Arrow can take rows, and categories as values,
    which one file may have and another not.
    """
    import pyarrow as pa

    plain = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
    types = [field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in table.schema]
    fields = [field.with_type(plain.get(kind, kind)) for field, kind in zip(table.schema, types, strict=True)]
    return table.cast(pa.schema(fields, table.schema.metadata))


def _last_of_each(raw: "pa.Table") -> tuple["pa.Table", int]:
    """The last row of every item, items ascending; and how many rows had no id, as an empty text is none."""
    import pyarrow.compute as pc

    known = raw.filter(pc.not_equal(pc.cast(raw["item_id"], "string"), ""))
    if not len(known):
        return known, len(raw)
    places = known.select(["item_id"]).append_column("place", _places(len(known)))
    last = places.group_by("item_id").aggregate([("place", "max")]).sort_by("item_id")
    return known.take(last["place_max"]), len(raw) - len(known)


def _places(n: int) -> "pa.Array":
    import numpy as np
    import pyarrow as pa

    return pa.array(np.arange(n))
