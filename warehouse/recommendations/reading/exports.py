"""A night for those who do not read Delta: one plain parquet file, or a run file for ranx and other blenders."""

from __future__ import annotations

import datetime as dt
import os
import stat
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.recommendations.errors import WriteFailed
from warehouse.recommendations.parts import ROW_GROUP
from warehouse.recommendations.reading.snapshots import Night, latest, night
from warehouse.recommendations.table import HasRecommendations
from warehouse.whole_files import replacing

SIGNATURE = {b"warehouse": b"recommendations export"}  # in the footer: only such a file is ever replaced


def export_parquet(where: HasRecommendations | str | Path, to: Path, run_date: dt.date | None = None) -> int:
    """Write a night (the newest by default) to one parquet file with the table's columns; return its rows.

    The file appears whole, in order of user and rank, in row groups of 61,440 rows: one user's rows are found by the
    row groups' statistics.

    Raises:
        WriteFailed: the disk refuses, or something else than an earlier export lies at `to`.
    """
    path, found = _free(to), _night(where, run_date)
    return _write(found, path, found.schema, list(found.schema.names))


def export_ranx(where: HasRecommendations | str | Path, to: Path, run_date: dt.date | None = None) -> int:
    """Write a night as a run: `q_id` (the user, text), `doc_id` (the item, text), `score` (float64).

    Read it with `ranx.Run.from_parquet(path, q_id_col="q_id", doc_id_col="doc_id", score_col="score")`.

    Raises:
        WriteFailed: the disk refuses, or something else than an earlier export lies at `to`.
    """
    path = _free(to)
    schema = pa.schema([("q_id", pa.string()), ("doc_id", pa.string()), ("score", pa.float64())])
    return _write(_night(where, run_date), path, schema, ["user_id", "item_id", "score"])


def _night(where: HasRecommendations | str | Path, run_date: dt.date | None) -> Night:
    return latest(where) if run_date is None else night(where, run_date)


def _write(found: Night, to: Path, schema: pa.Schema, columns: list[str]) -> int:
    """Stream the night's columns, renamed and cast to `schema`, into `to`."""
    rows = 0
    signed = schema.with_metadata({**(schema.metadata or {}), **SIGNATURE})
    try:
        with replacing(to) as beside, pq.ParquetWriter(beside, signed, compression="zstd") as writer:
            for batch in found.batches(columns):
                table = pa.Table.from_batches([batch]).rename_columns(schema.names).cast(signed)
                writer.write_table(table, row_group_size=ROW_GROUP)
                rows += table.num_rows
    except OSError as error:
        reason = error.strerror or str(error)
        raise WriteFailed(
            f"the export could not be written to {os.fspath(to)} ({reason}): nothing was left there"
        ) from error
    return rows


def _free(to: str | Path) -> Path:
    """The path as one where nothing lies but an earlier export; `WriteFailed` says what to do otherwise."""
    path = Path(to)
    try:
        mode = path.lstat().st_mode
    except OSError:
        return path  # nothing is there, or the writing will say what is wrong
    if not stat.S_ISREG(mode) or SIGNATURE.items() - _metadata(path).items():
        raise WriteFailed(
            f"{path} is there and is no export of recommendations: name another file, or move that one away"
        )
    return path


def _metadata(path: Path) -> dict[bytes, bytes]:
    try:
        return pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowException):
        return {}
