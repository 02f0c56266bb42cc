"""The report of a night made again from the shell, for nights that failed too."""

from datetime import date
from pathlib import Path

from pipelines.settings.read import Settings, SettingsError


def report(settings: Settings, day: str | None) -> Path:
    """Make the report of a day, by default of the last day of the partitions; returns its file.

    Raises:
        SettingsError: `day` is no day.
        FileNotFoundError: that night left nothing to report on.
    """
    from pipelines.policy.resources import MLflow, Warehouse, resources
    from pipelines.reports.make import make_report
    from pipelines.settings.partitions import DAILY

    chosen = DAILY.get_last_partition_key() if day is None else day
    try:
        night = date.fromisoformat(chosen or "")
    except ValueError:
        raise SettingsError(f"--date is {(chosen or '')[:40]!r}: write a day like 2026-01-31.") from None
    found = resources(settings)
    warehouse: Warehouse = found["warehouse"]
    mlflow: MLflow = found["mlflow"]
    return make_report(warehouse, mlflow.open(), night)
