"""What the rules of the shop ask of the night's items: the category of each, and whether it is new."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

from warehouse.days import as_day
from warehouse.engine.errors import DataError, StatementRefused
from warehouse.engine.parquet_files import schema_of
from warehouse.engine.protocol import Engine, FileColumn
from warehouse.engine.statements import statement
from warehouse.layout import Layout

if TYPE_CHECKING:
    import pyarrow as pa


def traits(
    engine: Engine, layout: Layout, run_date: date | str, category: str = "", released: str = "", days: int = 30
) -> "pa.Table":
    """Category and newness of every item of a night.

    Args:
        category: the column of items that names the category, of any type; "" where none is asked for.
        released: the column of items with the day since when an item is there: a date, a time, or text like
            2026-01-31; "" where none is asked for.
        days: an item is new on its first so many days, the first one included, and before.

    Returns:
        item_id, category (text; null where none is known) and new (false where no day is known).

    Raises:
        FileNotFoundError: the items of the night are missing.
        ValueError: they have no such column, or what stands in `released` is no day.
    """
    day = as_day(run_date)
    path = layout.partition("items", day)
    if not path.is_file():
        raise FileNotFoundError(f"rules of the shop need {path}, which does not exist: materialise items")
    columns = schema_of(path).names
    for name in (category, released):
        if name and name not in columns:
            raise ValueError(
                f"rules of the shop need the column {name!r} of items, which has {', '.join(columns)[:150]}: "
                "correct caps_column or new_column, or deliver it with the raw items"
            )
    read = {"item_id": "item_id", "category": category, "released": released}
    first = day - timedelta(days=days - 1)
    try:
        with engine.open() as db:
            db.view("items", [path], {name: FileColumn(column) if column else None for name, column in read.items()})
            return db.reader(statement("traits", first=first)).read_all()
    except (DataError, StatementRefused) as error:
        raise ValueError(
            f"rules of the shop cannot read {' and '.join(filter(None, (category, released)))} of items as a category "
            f"and a day: {str(error).splitlines()[0]}"
        ) from error
