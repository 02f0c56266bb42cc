"""Write, audit, publish: a night becomes visible by one Delta commit, or not at all.

Notable: the rows are written once. They are streamed in constant memory from the scorer into staged parquet files;
those are audited, and the commit moves them into the table as they are.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from warehouse.days import as_day
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.layout import Layout
from warehouse.recommendations.errors import AuditFailed, NightBusy
from warehouse.recommendations.limits import Audit, AuditLimits, Expected
from warehouse.recommendations.publishing.auditing import figures_of, judge
from warehouse.recommendations.publishing.commit import commit, found_files
from warehouse.recommendations.publishing.groups import GroupWriter, GroupWritten, added
from warehouse.recommendations.publishing.staging import (
    StagedNight,
    audit_file,
    staging_folder,
    write_failed,
)
from warehouse.recommendations.publishing.stored import judge_stored, put_stored
from warehouse.recommendations.publishing.sweeping import sweep
from warehouse.recommendations.table import (
    MEMORY_LIMIT,
    HasRecommendations,
    ensure_table,
    night_files,
    nights,
    table_path,
)
from warehouse.store.address import StoreError
from warehouse.store.trimming import trim_copies
from warehouse.whole_files import folder_lock, replacing


@dataclass(frozen=True)
class NightFacts:
    """What is the same on every row of a night; `metadata` goes into the Delta log alone (git commit, Dagster run)."""

    model_version: int | None = None
    mlflow_run_id: str | None = None
    generated_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.generated_at.tzinfo is None:
            raise ValueError(f"generated_at must carry its time zone (UTC), {self.generated_at} does not")

    def columns(self) -> dict[str, object]:
        """Name and value of the table's columns that are the same on every row of a night."""
        return {
            "model_version": self.model_version,
            "mlflow_run_id": self.mlflow_run_id,
            "generated_at": self.generated_at,
        }

    def remembered(self, run_date: dt.date, rows: int) -> dict[str, str]:
        """What the commit remembers, all of it text."""
        return {
            **self.metadata,
            "run_date": run_date.isoformat(),
            "rows": str(rows),
            "model_version": "" if self.model_version is None else str(self.model_version),
            "mlflow_run_id": self.mlflow_run_id or "",
        }


@dataclass(frozen=True)
class Published:
    """A published night.

    Args:
        version: the table's version that shows it.
        users: lists, one a user (of similar items: one an item).
        seconds: of staging (scoring included), audit and publishing.
        swept: files of killed writers that were removed.
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
    engine: DuckDBEngine | None = None,
) -> Published:
    """Publish one night. Publishing it again replaces it; other nights are not touched.

    Args:
        where: a `Layout`, or the folder of the table: of similar items, if it is called `similar_items`.
        batches: the staged columns of that table, any number of rows each.
        facts: what is the same on every row.
        expected: what the night was asked for.
        limits: of the audit.
        engine: whose memory limit and threads a sort keeps to, where the rows do not come in order.

    Raises:
        NightBusy: another run is at work on the same night.
        AuditFailed: the night is not good enough to be seen; it is kept beside the table.
        WriteFailed: the disk refuses.
        RecommendationsError: the columns do not fit, or the table in the object store is another's.
        StoreError: the object store cannot be used. Before the night is written, nothing is changed; if it fails later,
            the table shows the night here, and the store an earlier version.

    After an error the table stands as it stood before.
    """

    def stage(staged: StagedNight) -> None:
        staged.write(batches, facts.columns())

    def figures(staged: StagedNight) -> dict[str, int]:
        if not staged.in_order:
            with (engine or DuckDBEngine(MEMORY_LIMIT)).connect(staged.spill) as con:
                staged.sort(con)
        return figures_of(staged.files, expected, staged.kind)

    path = table_path(where)
    return _publish(path, StagedNight(path, as_day(run_date)), stage, figures, facts, expected, limits or AuditLimits())


def publish_groups(
    where: HasRecommendations | str | Path,
    run_date: dt.date,
    write_all: Callable[[Callable[[Iterable[pa.RecordBatch]], str]], Sequence[str]],
    facts: NightFacts,
    expected: Expected,
    limits: AuditLimits | None = None,
) -> Published:
    """Publish one night whose lists are made group by group, by other processes or on other machines.

    Each group writes its parts and audits them; here the figures are added up, and one commit shows all parts. A part
    counts if its group was returned, whoever else wrote: so a group that was tried twice stands in the night once.

    Args:
        where: as the other arguments, see `publish`.
        write_all: is given what writes one group: a function of its batches, that may be sent to another process. It
            returns what that function returned for each group, users ascending.

    Raises:
        NightBusy, AuditFailed, WriteFailed, RecommendationsError: as `publish` does.
    """
    groups: list[GroupWritten] = []

    def stage(staged: StagedNight) -> None:
        written = write_all(GroupWriter(staged.folder, facts.columns(), expected))
        groups[:] = map(GroupWritten.from_json, written)
        staged.adopt([file for group in groups for file in group.files], sum(group.rows for group in groups))

    def figures(staged: StagedNight) -> dict[str, int]:
        return added(groups)

    path = table_path(where)
    return _publish(path, StagedNight(path, as_day(run_date)), stage, figures, facts, expected, limits or AuditLimits())


def _publish(
    path: Path,
    night: StagedNight,
    stage: Callable[[StagedNight], None],
    figures: Callable[[StagedNight], dict[str, int]],
    facts: NightFacts,
    expected: Expected,
    limits: AuditLimits,
) -> Published:
    """Stage, audit, commit; `stage` writes the night beside the table, `figures` gives what the audit judges."""
    run_date = night.run_date
    judge_stored(path)
    with night as staged:
        began = time.monotonic()
        replaces = found_files(path, run_date)
        stage(staged)
        written = time.monotonic()
        with _refusals(run_date, path):
            with folder_lock(staging_folder(path)):
                table = ensure_table(path, staged.schema, staged.kind)
            report = _audited(table, staged, figures(staged), expected, limits)
            audited = time.monotonic()
            version = commit(path, run_date, staged.files, replaces, facts.remembered(run_date, staged.rows))
        published = time.monotonic()
    swept = tuple(sweep(path))
    put_stored(path)
    if stored := Layout(path.parent).stored:
        with suppress(StoreError):  # the next publication trims what is left
            trim_copies(stored)
    seconds = {"staging": written - began, "audit": audited - written, "publishing": published - audited}
    return Published(run_date, version, report.rows, report.users, report, seconds, swept)


@contextmanager
def _refusals(run_date: dt.date, path: Path) -> Iterator[None]:
    """Turn a refusal of the disk into its sentence; remove what was half written, or written in vain."""
    try:
        yield
    except NightBusy:
        sweep(path, own=run_date)
        raise
    except (OSError, DeltaError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        sweep(path, own=run_date)
        raise write_failed(run_date, path, error) from error


def _audited(
    table: DeltaTable, staged: StagedNight, figures: dict[str, int], expected: Expected, limits: AuditLimits
) -> Audit:
    """Judge the staged night. If it fails, keep it aside with the audit as JSON, and raise `AuditFailed`."""
    earlier = [
        (night, [Path(file) for file in night_files(table, night)])
        for night in reversed(nights(table))
        if night < staged.run_date
    ]
    report = judge(figures, staged.files, staged.run_date, expected, limits, earlier=earlier, kind=staged.kind)
    if report.passed:
        return report
    kept = staged.reject()
    with replacing(audit_file(kept)) as beside:
        beside.write_text(report.to_json(), encoding="utf-8")
    reasons = "; ".join(
        f"{c.meaning}: {c.value:g} (allowed: {c.limit})" for c in report.failures if c.value is not None
    )
    raise AuditFailed(
        f"the night {staged.run_date} failed its audit and was not published: {reasons}. It is kept in {kept} for "
        "whoever looks into it; the table shows the nights that it showed before",
        report,
        kept,
    )
