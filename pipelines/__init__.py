"""Dagster orchestration of the nightly pipeline."""

import warnings

# Known and wanted: single-run backfills and window mappings are beta, the nightly job mixes backfill policies, and the
# MLflow model reads its requests itself.
for said in (".*is currently in beta.*", ".*varying BackfillPolicies.*", ".*type hints to the `predict` method.*"):
    warnings.filterwarnings("ignore", message=said)
