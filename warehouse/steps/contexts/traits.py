"""What the rules of the shop ask of the night's items: the categories of each, and whether it is new."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING

from warehouse.days import as_day
from warehouse.engine.errors import DataError, StatementRefused
from warehouse.engine.parquet_files import schema_of
from warehouse.engine.protocol import Engine, FileColumn
from warehouse.engine.statements import ColumnList, statement
from warehouse.layout import Layout

if TYPE_CHECKING:
    import pyarrow as pa


def traits(
    engine: Engine,
    layout: Layout,
    run_date: date | str,
    categories: Sequence[str] = (),
    released: str = "",
    days: int = 30,
) -> "pa.Table":
    """Categories and newness of every item of a night.

    Args:
        categories: the columns of items that name a category each, of any type; at most 26, none called item_id or
            new.
        released: the column of items with the day since when an item is there: a date, a time, or text like
            2026-01-31; "" where none is asked for.
        days: an item is new on its first so many days, the first one included, and before.

    Returns:
        item_id, new (false where no day is known), and the categories (text; null where none is known).

    Raises:
        FileNotFoundError: the items of the night are missing.
        ValueError: they have no such column, or what stands in `released` is no day.
    """
    day = as_day(run_date)
    files = require_columns(layout, day, [*categories, *filter(None, [released])])
    letters = ascii_lowercase[: len(categories)]
    own = {f"category_{letter}": column for letter, column in zip(letters, categories, strict=True)}
    read = {"item_id": FileColumn("item_id"), "released": FileColumn(released) if released else None}
    read |= {name: FileColumn(column, "text") for name, column in own.items()}
    first = day - timedelta(days=days - 1)
    try:
        with engine.open() as db:
            db.view("items", files, read)
            found = db.reader(statement("traits", first=first, categories=ColumnList(("item_id", *own)))).read_all()
            return found.rename_columns(["new", "item_id", *categories]).select(["item_id", "new", *categories])
    except (DataError, StatementRefused) as error:
        raise ValueError(
            f"rules of the shop cannot read {released} of items as a day: {str(error).splitlines()[0]}"
        ) from error


def require_columns(layout: Layout, day: date, names: Sequence[str]) -> list[Path]:
    """The files of a night's items, which have these columns; raises as `traits` does where they have not."""
    files = layout.files("items", day)
    if not files:
        raise FileNotFoundError(
            f"rules of the shop need {layout.place('items', day)}, which does not exist: materialise items"
        )
    columns = schema_of(files[0]).names
    for name in names:
        if name not in columns:
            raise ValueError(
                f"rules of the shop need the column {name!r} of items, which has {', '.join(columns)[:150]}: "
                "correct caps or new_column, or deliver it with the raw items"
            )
    return files
