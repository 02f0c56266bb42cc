"""The asset `realised`: what the lists that readers saw on a day were worth, told by what users did on that day.

It reads the table of recommendations as it stood on the day and does not wait for tonight's lists, so a night whose
model fails still says what yesterday's lists were worth.
"""

from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipelines.evaluation import figures
from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS, column_schema, markdown_table, parquet_metadata
from pipelines.policy.resources import Warehouse
from pipelines.settings.partitions import DAILY

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
            description="Recall@20 has not fallen below its own recent band (median less four absolute deviations).",
        )
    ],
)
def realised(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
    """Score the lists; on a day before which nothing was published, say so and leave nothing."""
    from warehouse.realised.band import band, curve
    from warehouse.realised.score import score_day
    from warehouse.recommendations import NoNight

    day, layout = date.fromisoformat(context.partition_key), warehouse.layout
    with as_failure():
        warehouse.files("events", day)
        try:
            rows = score_day(warehouse.local_engine(), layout, day).to_pylist()
        except NoNight as reason:
            context.log.info(str(reason))
            return dg.MaterializeResult(metadata={"skipped": str(reason)}, check_results=[_check(None)])
    found = band(layout, day)
    return dg.MaterializeResult(
        metadata={
            "lists": dg.MetadataValue.md(_brief(rows)),
            "curve": dg.MetadataValue.md(figures.inline(figures.realised_curve(curve(layout, day, CURVE_DAYS)))),
            **({} if found is None else {"recall@20": found.value, "list_date": rows[0]["list_date"].isoformat()}),
            **parquet_metadata("realised", layout.files("realised", day)),
        },
        check_results=[_check(found)],
    )


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
        side = "below" if found.fell else "not below"
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
