"""Which assets run together: the nightly job, and jobs for a part of it. The job `tune` is training's own."""

import dagster as dg

INGESTED = dg.AssetSelection.assets("events", "rejected_events", "items")

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all(),
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
    description="A night again from its events on: sessions, model, evaluation, gate, recommendations.",
)
serve = dg.define_asset_job(
    "serve",
    selection=dg.AssetSelection.assets("recommendations"),
    description="The lists of a night, from whoever is champion: after a failed training, or a promotion by hand.",
)
