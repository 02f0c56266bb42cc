"""Dagster orchestration of the nightly pipeline."""

import warnings

# Known and wanted: single-run backfills and window mappings are beta, and the nightly job mixes backfill policies.
for said in (".*is currently in beta.*", ".*varying BackfillPolicies.*"):
    warnings.filterwarnings("ignore", message=said)
