"""What the assets' pages show: owners, row counts, columns with their meanings, a preview, counts of a report."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from warehouse import tables

if TYPE_CHECKING:
    import pyarrow as pa

OWNERS = ["team:recommendations"]
PREVIEW_ROWS = 5
ID = "int64 or string"  # an id's type, before there is a file that says which


def parquet_metadata(table: str, files: Sequence[Path]) -> dict[str, Any]:
    """Row count, schema, path and first rows of one parquet partition of a warehouse table, in a file or in parts."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(files[0]) as parquet:
        head = next(parquet.iter_batches(batch_size=PREVIEW_ROWS), None)
        rows = head.to_pylist() if head is not None else []
        return {
            "dagster/row_count": sum(pq.read_metadata(file).num_rows for file in files),
            "dagster/column_schema": column_schema(table, parquet.schema_arrow),
            "path": dg.MetadataValue.path(str(files[0] if len(files) == 1 else files[0].parent)),
            "preview": dg.MetadataValue.md(markdown_table(parquet.schema_arrow.names, rows)),
        }


def column_schema(table: str, schema: "pa.Schema | None" = None) -> dg.TableSchema:
    """A table's columns with their types and meanings.

    Args:
        table: its name in `warehouse.tables`.
        schema: of a file, whose columns and types are taken then; without it, the columns that every such file has.
    """
    known = tables.TABLES[table]
    if schema is None:
        columns = [
            dg.TableColumn(column.name, type=ID if column.type == "id" else column.type, description=column.meaning)
            for column in known.columns
            if not column.optional
        ]
    else:
        meanings = {column.name: column.meaning for column in known.columns}
        columns = [
            dg.TableColumn(field.name, type=str(field.type), description=meanings.get(field.name)) for field in schema
        ]
    return dg.TableSchema(columns=columns)


def markdown_table(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table; floats have four decimals."""
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_cell(row.get(name)) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def numbers_of(report: Any) -> dict[str, Any]:
    """The numbers, texts and dates of a report (a dataclass) as metadata; those of a report within it as part_name."""
    return dict(_spread(dataclasses.asdict(report)))


def _spread(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _spread(value, f"{prefix}{name}_")
        elif isinstance(value, int | float | str):
            yield prefix + name, value
        elif isinstance(value, date):
            yield prefix + name, value.isoformat()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return str(value).replace("|", "\\|").replace("\n", " ")
