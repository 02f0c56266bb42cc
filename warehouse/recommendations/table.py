"""The Delta table itself: its constraints, how it is opened and created, and which files make a night.

Notable: the files of a night are known from the log alone, and exactly those are read. The folder is never globbed:
superseded files lie there too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable, Field
from deltalake.exceptions import TableNotFoundError

from warehouse.recommendations.errors import NoNight, RecommendationsError
from warehouse.recommendations.kinds import KINDS, Kind, kind_at

MEMORY_LIMIT = "1GB"  # of a statement over the table's files
# The bounds lie just inside float32's own; NaN fails them too.
CONSTRAINTS = {"rank_positive": "rank >= 1", "score_finite": "score >= -3.4e38 AND score <= 3.4e38"}


class HasRecommendations(Protocol):
    """Whatever knows where the table is: `warehouse.layout.Layout` does."""

    @property
    def recommendations(self) -> Path: ...  # noqa: D102


def table_path(where: HasRecommendations | str | Path) -> Path:
    """The table's folder for a `Layout` or for the path of the table itself."""
    return Path(where) if isinstance(where, str | Path) else Path(where.recommendations)


def open_table(path: Path) -> DeltaTable:
    """Open the table, or raise `NoNight` with a sentence."""
    try:
        return DeltaTable(path)
    except (TableNotFoundError, FileNotFoundError) as error:
        raise NoNight(f"there is no {kind_at(path).table.name} table at {path}: run a night first") from error


def ensure_table(path: Path, schema: pa.Schema, kind: Kind) -> DeltaTable:
    """Open the table; make it, with its constraints, where it is missing; refuse id types that are not the table's.

    Making it takes two commits (table, constraints). A writer that is killed between them leaves the constraints to the
    next one. The caller holds the staging folder's lock, so that two first nights do not make the table twice.
    """
    if not DeltaTable.is_deltatable(str(path)):
        path.mkdir(parents=True, exist_ok=True)
        DeltaTable.create(
            path, schema, partition_by=["run_date"], name=kind.table.name, description=kind.about
        )  # fmt: skip
    table = DeltaTable(path)
    have = id_types(table)
    for column in kind.ids:
        if have.get(column) != schema.field(column).type:
            raise RecommendationsError(
                f"{column} is {schema.field(column).type} in this night but {have.get(column)} in the table {path}: "
                "keep one id type, or publish to another folder"
            )
    known = {field.name for field in table.schema().fields}
    further = [Field.from_arrow(field) for field in schema if field.name in kind.optional and field.name not in known]
    if further:  # earlier nights have no such column, and readers of the table find nulls there
        table.alter.add_columns(further)
        table = DeltaTable(path)
    missing = {k: v for k, v in CONSTRAINTS.items() if f"delta.constraints.{k}" not in table.metadata().configuration}
    if missing:
        table.alter.add_constraint(missing)
        table = DeltaTable(path)
    return table


def kind_of(table: DeltaTable) -> Kind:
    """Which of the tables of lists this is, by its columns."""
    names = {field.name for field in table.schema().fields}
    return next(kind for kind in KINDS if names.issuperset(kind.ids))


def id_types(table: DeltaTable) -> dict[str, pa.DataType]:
    """The Arrow types (int64 or string) of the table's columns of ids."""
    names = kind_of(table).ids
    kinds = {field.name: field.type.type for field in table.schema().fields if field.name in names}
    return {name: pa.int64() if kind == "long" else pa.string() for name, kind in kinds.items()}


def night_schema(table: DeltaTable, columns: Collection[str]) -> pa.Schema:
    """The columns that readers of a night see; `columns` are those of its files."""
    kind = kind_of(table)
    ids = {name: of for name, of in id_types(table).items() if name != "similar_item_id"}
    return kind.table.schema(**ids, optional=set(kind.optional) & set(columns))


def nights(table: DeltaTable) -> list[dt.date]:
    """The nights in the table, oldest first, from the log alone."""
    return sorted(dt.date.fromisoformat(p["run_date"]) for p in table.partitions())


def night_files(table: DeltaTable, run_date: dt.date) -> list[str]:
    """The files that make up one night, [] when the night is not there."""
    return sorted(local(table.file_uris(file_pruning_predicate=[("run_date", "=", run_date.isoformat())])))


def local(uris: Iterable[str]) -> list[str]:
    """Files of the log as the operating system names them; the log writes a blank as %20."""
    return [unquote(uri) for uri in uris]
