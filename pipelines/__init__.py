"""Dagster orchestration of the nightly pipeline."""

import warnings

# These warnings are known and wanted. Single-run backfills and window mappings are beta. The nightly job mixes backfill
# policies, because many days of events are one run while a night is a run of its own; Dagster then takes one day a run.
# The MLflow model reads its requests itself.
for said in (".*is currently in beta.*", ".*varying BackfillPolicies.*", ".*type hints to the `predict` method.*"):
    warnings.filterwarnings("ignore", message=said)
