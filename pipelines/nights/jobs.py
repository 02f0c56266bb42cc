"""Which assets run together: the nightly job, and jobs for a part of it. The job `tune` is training's own.

Nights run one at a time, the oldest first: the tag NIGHT is what `dagster.yaml` limits, and Dagster's queue takes the
run with the highest priority.
"""

from datetime import date

import dagster as dg

from pipelines.policy.partitions import DAILY

NIGHT = "pipelines/night"


def night_tags(night: str) -> dict[str, str]:
    """The tags of a night's run: one of those that run one at a time, an older one before a newer one."""
    return {NIGHT: night, "dagster/priority": str(-date.fromisoformat(night).toordinal())}


def _one_by_one() -> dg.PartitionedConfig:
    return dg.PartitionedConfig(
        partitions_def=DAILY, run_config_for_partition_key_fn=lambda night: {}, tags_for_partition_key_fn=night_tags
    )


INGESTED = dg.AssetSelection.assets("events", "rejected_events", "items")

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all(),
    config=_one_by_one(),
    description="Every asset of one night, from the day's raw events to the published recommendations.",
)
backfill_events = dg.define_asset_job(
    "backfill_events",
    selection=INGESTED,
    description="Events, rejected events and items of many days in one run: start it as a backfill over the days.",
)
retrain = dg.define_asset_job(
    "retrain",
    selection=dg.AssetSelection.all() - INGESTED,
    config=_one_by_one(),
    description="A night again from its events on: sessions, model, evaluation, gate, recommendations.",
)
serve = dg.define_asset_job(
    "serve",
    selection=dg.AssetSelection.assets("recommendations", "similar_items", "night_report"),
    description="A night's lists from whoever is champion, what is similar to each item, and its report: after a "
    "failed training, or a promotion.",
)
