"""Everything Dagster knows of this project, merged; no logic here."""

import dagster as dg

from pipelines.data import events, items, sessions, splits
from pipelines.evaluation import champion_model, offline_evaluation, realised
from pipelines.nights import jobs, schedule, sensors
from pipelines.policy.console import plain_console
from pipelines.policy.resources import resources
from pipelines.reports import night_report
from pipelines.serving import recommendations, similar_items
from pipelines.settings.read import current_settings
from pipelines.training import gru4rec_model
from pipelines.training.tune import tune

__all__ = ["defs"]

ASSETS = [
    events, items, sessions, splits, gru4rec_model, offline_evaluation, champion_model, recommendations, similar_items,
    realised, night_report,
]  # fmt: skip

defs = dg.Definitions(
    assets=dg.load_assets_from_modules(ASSETS),
    asset_checks=dg.load_asset_checks_from_modules([splits]),
    jobs=[jobs.nightly, jobs.backfill_events, jobs.retrain, jobs.serve, tune],
    schedules=[schedule.nightly_schedule],
    sensors=[sensors.log_failures, sensors.alert_failures, sensors.serve_old_champion],
    resources=resources(current_settings()),
    loggers={"console": dg.colored_console_logger, "plain": plain_console},
)
