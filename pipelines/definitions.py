"""Everything Dagster knows of this project, merged; no logic here."""

import dagster as dg

from pipelines.data import checks, ingestion, sessions
from pipelines.evaluation import assets as evaluation
from pipelines.nights import jobs as automation
from pipelines.policy.console import plain_console
from pipelines.policy.resources import resources
from pipelines.serving import assets as serving
from pipelines.settings.read import settings
from pipelines.training import assets as model
from pipelines.training import tuning

defs = dg.Definitions(
    assets=dg.load_assets_from_modules([ingestion, sessions, model, evaluation, serving]),
    asset_checks=dg.load_asset_checks_from_modules([checks]),
    jobs=[automation.nightly, automation.backfill_events, automation.retrain, automation.serve, tuning.tune],
    schedules=[automation.nightly_schedule],
    sensors=[automation.log_failures, automation.serve_old_champion],
    resources=resources(settings()),
    loggers={"console": dg.colored_console_logger, "plain": plain_console},
)
