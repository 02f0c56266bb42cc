"""Dagster orchestration of the nightly pipeline."""

import warnings

# These warnings are known and wanted. Single-run backfills and window mappings are beta, checks that belong to a
# partition a preview (constraints.txt pins the version that was tried). The nightly job mixes backfill
# policies, because many days of events are one run while a night is a run of its own; Dagster then takes one day a run.
# The MLflow model reads its requests itself.
KNOWN = ("currently in beta", "currently in preview", "varying BackfillPolicies", "type hints to the `predict` method")
for said in KNOWN:
    warnings.filterwarnings("ignore", message=f".*{said}.*")
