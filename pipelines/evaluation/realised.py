"""The asset `realised`: what the lists that readers saw on a day were worth, told by what users did on that day.

It reads the table of recommendations as it stood on the day and does not wait for tonight's lists, so a night whose
model fails still says what yesterday's lists were worth.
"""

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipelines.evaluation import figures, sparklines
from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS, column_schema, markdown_table, parquet_metadata
from pipelines.policy.one_log import require_own_lists
from pipelines.policy.partitions import DAILY
from pipelines.policy.pictures import show
from pipelines.policy.resources import MLflow, Warehouse
from pipelines.tracking.runs import Tracking, numbers

if TYPE_CHECKING:
    from warehouse.realised.band import Band

CHECK = "realised_within_its_band"
CURVE_DAYS = 60


@dg.asset(
    description=(
        "The lists that readers saw on this day, those of the newest night before it, scored by the items that their "
        "users met on it: hits, recall, MRR and coverage, beside the popular items, with 95% intervals."
    ),
    group_name="evaluation",
    kinds={"duckdb", "parquet"},
    owners=OWNERS,
    metadata={"dagster/column_schema": column_schema("realised")},
    partitions_def=DAILY,
    deps=["events"],
    check_specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset="realised",
            partitions_def=DAILY,
            description="Recall@20 has not fallen below its own recent band (median less four absolute deviations).",
        )
    ],
)
def realised(context: dg.AssetExecutionContext, warehouse: Warehouse, mlflow: MLflow) -> dg.MaterializeResult:
    """Score the lists; on a day before which nothing was published, say so and leave nothing."""
    from warehouse.realised.band import band, curve
    from warehouse.realised.score import score_day
    from warehouse.recommendations import NoNight

    day, layout = date.fromisoformat(context.partition_key), warehouse.layout
    with as_failure():
        warehouse.files("events", day)
        require_own_lists(warehouse, context.partition_key)
        try:
            rows = score_day(warehouse.local_engine(), layout, day).to_pylist()
        except NoNight as reason:
            context.log.info(str(reason))
            return dg.MaterializeResult(metadata={"skipped": str(reason)}, check_results=[_check(None)])
        found = band(layout, day)
        lacking = _log(mlflow.open(), rows, day)
        days = curve(layout, day, CURVE_DAYS)
        pictures = show(layout, day, {"realised_over_days": figures.realised_curve(days)})
    for version in lacking:
        context.log.warning(f"MLflow has no version {version}, which made lists of {day}: its figures are not logged")
    return dg.MaterializeResult(
        metadata={
            "lists": dg.MetadataValue.md(_brief(rows)),
            "curve": dg.MetadataValue.md(sparklines.of_realised(days)),
            **pictures,
            **({} if found is None else {"recall@20": found.value, "list_date": rows[0]["list_date"].isoformat()}),
            **parquet_metadata("realised", layout.files("realised", day)),
        },
        check_results=[_check(found)],
    )


def _log(tracking: Tracking, rows: list[dict[str, Any]], day: date) -> list[str]:
    """Write the figures to the run of each version that made lists; returns the versions that the registry lacks.

    A run has a point a day that it served: its step is the day as a number (20260131), its time the day's midnight.
    """
    from mlflow.entities import Metric
    from mlflow.exceptions import MlflowException

    lacking = []
    step, at = int(f"{day:%Y%m%d}"), int(datetime.combine(day, time(), UTC).timestamp() * 1000)
    versions = {row["group"] for row in rows if row["by"] == "model_version" and row["group"] != "none"}
    for version in sorted(versions):
        try:
            run_id = tracking.client.get_model_version(tracking.model, version).run_id
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            lacking.append(version)
            continue
        own = [row for row in rows if (row["by"], row["group"]) == ("model_version", version)]
        points = [Metric(name, value, at, step) for name, value in _figures(own).items()]
        tracking.client.log_batch(run_id, points)
    return lacking


def _figures(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The metrics of one version: realised/recall_at_20 and so on; of popular items, below realised/popular."""
    found: dict[str, float] = {}
    for row in rows:
        below = "realised/" if row["lists"] == "published" else "realised/popular/"
        found |= {f"{below}{name}@{row['k']}": row[name] for name in ("hit", "recall", "mrr", "coverage")}
        found |= {f"{below}recall@{row['k']}_{end}": row[f"recall_{end}"] for end in ("low", "high")}
    return numbers(found)


def _brief(rows: list[dict[str, Any]]) -> str:
    """Published lists and popular items at every depth, over all users."""
    names = ["lists", "k", "hit", "recall", "recall_low", "recall_high", "mrr", "coverage"]
    return markdown_table(names, [row for row in rows if row["by"] == "all"])


def _check(found: "Band | None") -> dg.AssetCheckResult:
    if found is None:
        said = "No list was scored on this day, so there is nothing to compare."
    elif found.low is None:
        said = f"Recall@20 is {found.value:.4f}; {found.nights} scored days before it are too few for a band."
    else:
        side = "below" if found.fell else "not below" if found.value >= found.low else "not certainly below"
        said = (
            f"Recall@20 is {found.value:.4f}, {side} {found.low:.4f}, the edge of the last {found.nights} scored days."
        )
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=found is None or not found.fell,
        severity=dg.AssetCheckSeverity.WARN,
        description=said,
        metadata={} if found is None else {"recall@20": found.value},
    )
