"""What every asset's page shows: row count, column schema with meanings, a preview, and the path of the file."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from warehouse import tables

if TYPE_CHECKING:
    import pyarrow as pa

PREVIEW_ROWS = 5
ID = "int64 or string"  # an id's type, before there is a file that says which


def parquet_metadata(table: str, file: Path, preview: bool = True) -> dict[str, Any]:
    """Row count, schema, path and (if wanted) the first rows of one parquet partition of a warehouse table."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as parquet:
        found: dict[str, Any] = {
            "dagster/row_count": parquet.metadata.num_rows,
            "dagster/column_schema": column_schema(table, parquet.schema_arrow),
            "path": dg.MetadataValue.path(str(file)),
        }
        if preview:
            head = next(parquet.iter_batches(batch_size=PREVIEW_ROWS), None)
            rows = head.to_pylist() if head is not None else []
            found["preview"] = dg.MetadataValue.md(markdown_table(parquet.schema_arrow.names, rows))
    return found


def column_schema(table: str, schema: "pa.Schema | None" = None) -> dg.TableSchema:
    """A table's columns with their meanings; the types are the file's own where its schema is given."""
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
    """Rows as a Markdown table; numbers are shortened, a bar in a text does not break the table."""
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_cell(row.get(name)) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return str(value).replace("|", "\\|").replace("\n", " ")
