"""Write, audit, publish: a night becomes visible by one Delta commit, or not at all.

Notable: the rows stream twice, each time in constant memory: from the scorer into the staged file, and from there, in
order of user and rank, into the table. Between the two stands the audit.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import ColumnProperties, CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from warehouse.recommendations.auditing import audit
from warehouse.recommendations.errors import AuditFailed, NightBusy
from warehouse.recommendations.limits import Audit, AuditLimits, Expected
from warehouse.recommendations.maintenance import sweep
from warehouse.recommendations.staging import ROW_GROUP, StagedNight, folder_lock, staging_folder, write_failed
from warehouse.recommendations.table import (
    MEASURED,
    STAGED_COLUMNS,
    HasRecommendations,
    connect,
    ensure_table,
    night_files,
    nights,
    table_path,
    table_schema,
)


@dataclass(frozen=True)
class NightFacts:
    """What is the same on every row of a night, and what the commit remembers beside it.

    ``metadata`` goes into the Delta log, for people: git commit, Dagster run, ...
    """

    model_version: int | None = None
    mlflow_run_id: str | None = None
    generated_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.generated_at.tzinfo is None:
            raise ValueError(f"generated_at must carry its time zone (UTC), {self.generated_at} does not")


@dataclass(frozen=True)
class Published:
    """A published night: the table's version that shows it, its audit, the ``seconds`` of staging (scoring included),
    audit and publishing, and the litter of killed writers that was swept.
    """

    run_date: dt.date
    version: int
    rows: int
    users: int
    audit: Audit
    seconds: Mapping[str, float]
    swept: tuple[str, ...]


def publish(
    where: HasRecommendations | str | Path,
    run_date: dt.date,
    batches: Iterable[pa.RecordBatch],
    facts: NightFacts,
    expected: Expected,
    limits: AuditLimits | None = None,
    *,
    memory_limit: str = "1GB",
    threads: int | None = None,
) -> Published:
    """Publish one night from ``batches`` (columns of ``table.STAGED_COLUMNS``, any number of rows each).

    Publishing a night again replaces it; other nights are not touched. Raises ``NightBusy`` when another run is at the
    same night, ``AuditFailed`` when the night is not good enough to be seen (it is kept beside the table),
    ``WriteFailed`` when the disk refuses, ``RecommendationsError`` when the columns do not fit. After an error the
    table stands as it stood before.
    """
    path = table_path(where)
    with StagedNight(path, run_date) as staged:
        began = time.monotonic()
        staged.write(batches)
        assert staged.schema is not None
        schema = table_schema(staged.schema.field("user_id").type, staged.schema.field("item_id").type)
        written = time.monotonic()
        with _refusals(run_date, path), connect(memory_limit, threads, staged.spill) as con:
            with folder_lock(staging_folder(path)):
                table = ensure_table(path, schema)
            staged.sort(con)
            report = _audited(con, table, staged, expected, limits or AuditLimits())
            audited = time.monotonic()
            version = _commit(con, path, staged, facts)
        published = time.monotonic()
    swept = tuple(sweep(path))
    seconds = {"staging": written - began, "audit": audited - written, "publishing": published - audited}
    return Published(run_date, version, report.rows, report.users, report, seconds, swept)


@contextmanager
def _refusals(run_date: dt.date, path: Path) -> Iterator[None]:
    """Turn what the disk or another writer refuses into its sentence, and remove what was half written."""
    try:
        yield
    except CommitFailedError as error:
        sweep(path, own=run_date)
        raise NightBusy(
            f"another run published the night {run_date} to {path} at the same moment: its rows stand, these were "
            "dropped; run the night again if yours should stand"
        ) from error
    except (OSError, DeltaError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        sweep(path, own=run_date)
        raise write_failed(run_date, path, error) from error


def _audited(
    con: duckdb.DuckDBPyConnection,
    table: DeltaTable,
    staged: StagedNight,
    expected: Expected,
    limits: AuditLimits,
) -> Audit:
    """Audit the staged night; keep it aside, with the audit's figures as JSON, when it fails."""
    earlier = [night for night in nights(table) if night < staged.run_date]
    previous = earlier[-1] if earlier else None
    before = night_files(table, previous) if previous else ()
    report = audit(con, staged.rows_file, staged.run_date, expected, limits, previous=previous, before=before)
    if report.passed:
        return report
    kept = staged.reject()
    kept.with_suffix(".json").write_text(report.to_json(), encoding="utf-8")
    reasons = "; ".join(
        f"{c.meaning}: {c.value:g} (allowed: {c.limit})" for c in report.failures if c.value is not None
    )
    raise AuditFailed(
        f"the night {staged.run_date} failed its audit and was not published: {reasons}. It is kept in {kept} for "
        "whoever looks into it; the table shows the nights that it showed before",
        report,
        kept,
    )


def _commit(con: duckdb.DuckDBPyConnection, path: Path, staged: StagedNight, facts: NightFacts) -> int:
    """Stream the staged night into the table, replacing that partition in one commit; return the version that shows
    it.
    """
    run_date = staged.run_date
    remembered = {
        **facts.metadata,
        "run_date": run_date.isoformat(),
        "rows": str(staged.rows),
        "model_version": "" if facts.model_version is None else str(facts.model_version),
        "mlflow_run_id": facts.mlflow_run_id or "",
    }
    constants = {"run_date": run_date, "version": facts.model_version, "run": facts.mlflow_run_id}
    rows = con.sql(
        f"SELECT $run_date::DATE AS run_date, {', '.join(STAGED_COLUMNS)}, $version::INTEGER AS model_version, "  # noqa: S608
        f"$run::VARCHAR AS mlflow_run_id, $at::TIMESTAMPTZ AS generated_at FROM read_parquet($file)",
        params={**constants, "at": facts.generated_at, "file": [str(staged.rows_file)]},
    ).to_arrow_reader(ROW_GROUP)
    write_deltalake(
        path,
        rows,
        mode="overwrite",
        predicate=f"run_date = '{run_date.isoformat()}'",
        writer_properties=WriterProperties(
            compression="ZSTD",
            max_row_group_size=ROW_GROUP,
            column_properties={name: ColumnProperties(dictionary_enabled=False) for name in MEASURED},
        ),
        commit_properties=CommitProperties(custom_metadata=remembered),
    )
    table = DeltaTable(path)
    _to_disk([*night_files(table, run_date), *_log_entry(path, table.version())])
    return table.version()


def _log_entry(path: Path, version: int) -> list[str]:
    return [str(path / "_delta_log" / f"{version:020d}.json"), str(path / "_delta_log")]


def _to_disk(files: Iterable[str]) -> None:
    """Ask the disk to keep these files through a power cut: Delta Lake's writer does not."""
    for name in files:
        try:
            handle = os.open(name, os.O_RDONLY)
        except FileNotFoundError:
            continue  # a later writer's clean-up may have moved on; that night is then already history
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
