"""What the table's log remembers: who published which night when, and what was rolled back, to where and why."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from warehouse.recommendations.table import HasRecommendations, commits, open_table, table_path
from warehouse.tables import HISTORY

SUMS = "sha256_of_parts"  # of a publication: the names of the night's files with their sums, as JSON
_LOOK_BACK = 50  # commits: a publication comes every day, with a few commits of cleaning up between
_NOT_METADATA = {
    *HISTORY.names, SUMS, "timestamp", "operationParameters", "operationMetrics", "engineInfo", "clientVersion",
    "readVersion", "isolationLevel", "isBlindAppend",
}  # fmt: skip


def history(where: HasRecommendations | str | Path, limit: int | None = None) -> pa.Table:
    """The table's commits, newest first (columns: `tables.HISTORY`).

    `run_date`, `rows`, `model_version` and `mlflow_run_id` are those of the night that was published or, on a rollback,
    of the newest night that the table shows since.
    """
    rows = [_row(commit) for commit in commits(open_table(table_path(where)), limit)]
    return pa.Table.from_pylist(rows, schema=HISTORY.schema())


def _row(commit: dict[str, Any]) -> dict[str, object]:
    night = commit.get("run_date")
    return {
        "version": commit["version"],
        "at": _time(commit),
        "operation": commit["operation"],
        "run_date": dt.date.fromisoformat(night) if night else None,
        "rows": _number(commit, "rows"),
        "model_version": _number(commit, "model_version"),
        "mlflow_run_id": commit.get("mlflow_run_id") or None,
        "rolled_back_to": _number(commit, "rolled_back_to"),
        "reason": commit.get("reason") or None,
        "metadata": json.dumps({k: v for k, v in commit.items() if k not in _NOT_METADATA}, sort_keys=True),
    }


def _time(commit: dict[str, Any]) -> dt.datetime:
    return dt.datetime.fromtimestamp(commit["timestamp"] / 1000, dt.UTC)


def _number(commit: dict[str, Any], name: str) -> int | None:
    return int(commit[name]) if commit.get(name) else None


def is_publication(commit: dict[str, Any]) -> bool:
    """Whether a commit of the log published a night."""
    return "run_date" in commit and "rolled_back_to" not in commit


def publication(table: DeltaTable, run_date: dt.date, version: int) -> dict[str, Any]:
    """The commit that published this night as `version` shows it; {} when it was cleaned out of the log.

    A rollback shows what stood at the version that it points to, not what was published between the two.
    """
    for commit in commits(table):
        if commit["version"] > version:
            continue
        if is_publication(commit) and commit["run_date"] == run_date.isoformat():
            return commit
        version = int(commit.get("rolled_back_to", version))
    return {}


def sums(table: DeltaTable, run_date: dt.date) -> dict[str, str]:
    """The SHA-256 of every file that the log's publications of a night name; those of older versions name none."""
    found: dict[str, str] = {}
    for commit in commits(table):
        if is_publication(commit) and commit["run_date"] == run_date.isoformat():
            found |= json.loads(commit.get(SUMS) or "{}")
    return found


@dataclass(frozen=True)
class Rollback:
    """When the table was rolled back, to which version, and why (None: its operator did not say)."""

    at: dt.datetime
    to_version: int
    reason: str | None

    def __str__(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        return f"the table was rolled back to version {self.to_version} on {self.at:%Y-%m-%d %H:%M} UTC{why}"


def standing_rollback(table: DeltaTable) -> Rollback | None:
    """The last rollback, if no night was published since; else None."""
    for commit in commits(table, _LOOK_BACK):
        if is_publication(commit):
            return None
        if "rolled_back_to" in commit:
            return Rollback(_time(commit), int(commit["rolled_back_to"]), commit.get("reason") or None)
    return None
