"""The catalogue: raw items become the table `items`, one partition a day that they arrived on."""

import dagster as dg

from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS, column_schema, parquet_metadata
from pipelines.policy.partitions import DAILY
from pipelines.policy.resources import Warehouse
from pipelines.policy.turns import hold
from pipelines.settings.launchpad import ItemsKnobs


@dg.asset(
    description="The catalogue as last delivered: items with their titles. Empty where no raw items are.",
    group_name="ingestion",
    kinds={"duckdb", "parquet"},
    owners=OWNERS,
    metadata={"dagster/column_schema": column_schema("items")},
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def items(context: dg.AssetExecutionContext, config: ItemsKnobs, warehouse: Warehouse) -> None:
    """Write the catalogue of every day of the run."""
    from warehouse.sources.raw.fetching import fetch_items
    from warehouse.steps.items.ingest import ingest_items

    with as_failure():
        hold(context, warehouse.layout, context.partition_keys)
        fetch_items(warehouse.layout)
    for day in context.partition_keys:
        with as_failure():
            report = ingest_items(warehouse.layout, day, **config.model_dump())
        if report.rejected:
            context.log.warning(f"{report.rejected:,} rows of the raw items of {day} name no item and are left out")
        found = parquet_metadata("items", warehouse.layout.files("items", day))
        found |= {"duplicates": report.duplicates, "rejected": report.rejected}
        context.add_asset_metadata(metadata=found, partition_key=day)
