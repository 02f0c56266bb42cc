"""What the pages of both tables of lists show: the audit's questions as checks, the night read back, a preview."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipelines.policy.metadata import column_schema, markdown_table
from pipelines.policy.partitions import DAILY

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from warehouse.recommendations import Audit, Published

PREVIEW_ROWS = 10
SAME = ("run_date", "model_version", "mlflow_run_id", "generated_at")  # on every row of a night: no preview shows them


def check_specs(table: str, checks: Mapping[str, str]) -> list[dg.AssetCheckSpec]:
    """The checks of a table of lists: one for each question of its audit, and that the published night is whole."""
    whole = "The published night, read back, has every row that was audited."
    return [
        dg.AssetCheckSpec(f"{table}_complete", asset=table, description=whole, partitions_def=DAILY),
        *(
            dg.AssetCheckSpec(f"audit_{name}", asset=table, description=text, partitions_def=DAILY)
            for name, text in checks.items()
        ),
    ]


def audited(table: str, audit: "Audit") -> Iterator[dg.AssetCheckResult]:
    """One check result for each question of the audit."""
    for check in audit.checks:
        found = "no figure" if check.value is None else f"{check.value:,.6g}"
        yield dg.AssetCheckResult(
            check_name=f"audit_{check.name}",
            asset_key=table,
            passed=check.passed,
            description=f"{check.meaning}: {found} (allowed: {check.limit})",
            metadata={} if check.value is None else {"value": float(check.value)},
        )


def read_back(table: str, path: Path, published: "Published") -> dg.AssetCheckResult:
    """Whether the published partition holds every row that was audited, counted from its files' footers."""
    import pyarrow.parquet as pq

    from warehouse.recommendations import night

    rows = sum(pq.read_metadata(file).num_rows for file in night(path, published.run_date).files)
    return dg.AssetCheckResult(
        check_name=f"{table}_complete",
        asset_key=table,
        passed=rows == published.rows and published.audit.passed,
        description=f"{rows:,} rows of {published.users:,} lists stand in the table, {published.rows:,} were audited",
        metadata={"rows": rows, "lists": published.users},
    )


def published_metadata(
    table: str, path: Path, champion: "ModelVersion", published: "Published", owners: str
) -> dict[str, Any]:
    """What a page says of a published night; `owners` have a list each: "users" or "items"."""
    from warehouse.recommendations import night

    found = night(path, published.run_date)
    head = next(found.batches([name for name in found.schema.names if name not in SAME]))
    return {
        "dagster/row_count": published.rows,
        "dagster/column_schema": column_schema(table, found.schema),
        "path": dg.MetadataValue.path(str(path)),
        owners: published.users,
        "table_version": published.version,
        "model_version": int(champion.version),
        "mlflow_run_id": champion.run_id,
        **{f"seconds_{part}": round(seconds, 3) for part, seconds in published.seconds.items()},
        "audit": dg.MetadataValue.md(
            markdown_table(
                ["name", "passed", "value", "limit", "meaning"],
                [vars(check) for check in published.audit.checks],
            )
        ),
        "preview": dg.MetadataValue.md(markdown_table(head.schema.names, head.slice(0, PREVIEW_ROWS).to_pylist())),
    }
