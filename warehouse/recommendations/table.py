"""The Delta table itself: its constraints, how it is opened and created, and which files make a night.

Notable: the files of a night are known from the log alone, and exactly those are read. The folder is never globbed:
superseded files lie there too.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from deltalake import DeltaTable, Field
from deltalake.exceptions import DeltaError, TableNotFoundError

from warehouse.layout import judge_folder
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
    """The table's folder for a `Layout` or for the path of the table itself.

    Raises:
        ValueError: its name is one that the Delta library cannot use.
    """
    path = Path(where) if isinstance(where, str | Path) else Path(where.recommendations)
    judge_folder(path)
    return path


def open_table(path: Path) -> DeltaTable:
    """Open the table.

    Raises:
        NoNight: there is none.
        RecommendationsError: its log cannot be read.
    """
    if path.is_file():
        raise RecommendationsError(
            f"{path} is a file, where the recommendations table's folder is expected: move it away"
        )
    try:
        table = DeltaTable(path)
    except (TableNotFoundError, FileNotFoundError) as error:
        raise NoNight(f"there is no {kind_at(path).table.name} table at {path}: run a night first") from error
    except (DeltaError, OSError) as error:
        raise RecommendationsError(
            f"the log of the {kind_at(path).table.name} table cannot be read ({str(error).splitlines()[0][:300]}): put "
            f"{path / '_delta_log'} back from a copy, or move {path} away and run the nights again"
        ) from error
    _require_whole_entries(table)
    return table


def _require_whole_entries(table: DeltaTable) -> None:
    """RecommendationsError for an entry of the log without a byte, and for a newest one that is no commit.

    The Delta library passes over an empty entry: its night would be no part of the table, and swept as litter.
    """
    for file in sorted(_log_of(table).glob("*.json")):
        if not file.stat().st_size:
            raise _damaged(file, "it is empty")
    for _ in commits(table, 1):
        pass


def opened_if_there(path: Path) -> DeltaTable | None:
    """The table; None where there is none. RecommendationsError where its log cannot be read."""
    try:
        return open_table(path)
    except NoNight:
        return None


def entry_mark(path: Path, version: int) -> tuple[int, int] | None:
    """What tells an entry of the log from that of the same number in a log that took its place; None: it is gone."""
    try:
        status = _entry(path, version).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def ends_with(path: Path, version: int, mark: tuple[int, int] | None) -> bool:
    """Whether the log still ends with this very entry: nothing was committed since, and no other log lies there."""
    return entry_mark(path, version) == mark and not _entry(path, version + 1).exists()


def ensure_table(path: Path, schema: pa.Schema, kind: Kind) -> DeltaTable:
    """Open the table; make it, with its constraints, where it is missing; refuse id types that are not the table's.

    Making it takes two commits (table, constraints). A writer that is killed between them leaves the constraints to the
    next one. The caller holds the staging folder's lock, so that two first nights do not make the table twice.
    """
    if opened_if_there(path) is None:
        path.mkdir(parents=True, exist_ok=True)
        DeltaTable.create(
            path, schema, partition_by=["run_date"], name=kind.table.name, description=kind.about
        )  # fmt: skip
    table = open_table(path)
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


def commits(table: DeltaTable, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """The commits up to the table's version, newest first, from the log's own files: what each says, and `version`.

    (DeltaTable.history, which gives the same, finds none below a folder whose name has a # or a ?.)

    Args:
        table: the table.
        limit: how many; None for all that the log still has.

    Raises:
        RecommendationsError: a file of the log is damaged.
    """
    log = _log_of(table)
    oldest = -1 if limit is None else max(-1, table.version() - limit)
    for version in range(table.version(), oldest, -1):
        file = _entry(log.parent, version)
        if not file.is_file():  # cleaned up, and so are all before it
            return
        try:
            actions = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
            if not actions:
                raise ValueError("it is empty")
            said: dict[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
            yield {**said, "version": version}
        except (ValueError, TypeError) as error:
            raise _damaged(file, str(error)) from error


def _log_of(table: DeltaTable) -> Path:
    return Path(unquote(urlsplit(table.table_uri).path)) / "_delta_log"


def _entry(path: Path, version: int) -> Path:
    return path / "_delta_log" / f"{version:020d}.json"


def _damaged(file: Path, why: str) -> RecommendationsError:
    return RecommendationsError(
        f"{file} is damaged ({why}): copy the folder of the table again, or move it away and run a night"
    )
