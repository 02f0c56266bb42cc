"""Dagster orchestration of the nightly pipeline."""

import warnings

# Known and wanted: single-run backfills and window mappings are beta; many days of events are one run, but a night is
# always a run of its own, so the nightly job mixes backfill policies (Dagster then takes the smaller, one day a run);
# and the MLflow model reads its requests itself.
for said in (".*is currently in beta.*", ".*varying BackfillPolicies.*", ".*type hints to the `predict` method.*"):
    warnings.filterwarnings("ignore", message=said)
