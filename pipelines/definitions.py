"""Everything Dagster knows of this project, merged; no logic here."""

import dagster as dg

from pipelines import automation, checks, tuning
from pipelines.assets import evaluation, ingestion, model, serving, sessions
from pipelines.console import plain_console
from pipelines.resources import resources
from pipelines.settings import settings

defs = dg.Definitions(
    assets=dg.load_assets_from_modules([ingestion, sessions, model, evaluation, serving]),
    asset_checks=dg.load_asset_checks_from_modules([checks]),
    jobs=[automation.nightly, automation.backfill_events, automation.retrain, automation.serve, tuning.tune],
    schedules=[automation.nightly_schedule],
    sensors=[automation.log_failures, automation.serve_old_champion],
    resources=resources(settings()),
    loggers={"console": dg.colored_console_logger, "plain": plain_console},
)
