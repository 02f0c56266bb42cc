"""The report of a night made again from the shell, for nights that failed too."""

from datetime import date
from pathlib import Path

from pipelines.settings.read import Settings, SettingsError
from warehouse.layout import Layout


def report(settings: Settings, day: str | None) -> tuple[Path, str]:
    """Make the report of a day, by default of the last day of the partitions.

    Returns:
        Its file, and a sentence about what that night did not leave behind; "" after a whole night.

    Raises:
        SettingsError: `day` is no day.
        FileNotFoundError: that night left nothing to report on.
    """
    from pipelines.policy.partitions import DAILY
    from pipelines.policy.resources import MLflow, Warehouse, resources
    from pipelines.reports.make import make_report

    chosen = DAILY.get_last_partition_key() if day is None else day
    try:
        night = date.fromisoformat(chosen or "")
    except ValueError:
        raise SettingsError(f"--date is {(chosen or '')[:40]!r}: write a day like 2026-01-31.") from None
    found = resources(settings)
    warehouse: Warehouse = found["warehouse"]
    mlflow: MLflow = found["mlflow"]
    return make_report(warehouse, mlflow.open(), night), _missing(warehouse.layout, night)


def _missing(layout: Layout, night: date) -> str:
    from warehouse.recommendations import RecommendationsError
    from warehouse.recommendations import night as night_of

    missing = [table for table in ("events", "sessions", "splits", "evaluations") if not layout.files(table, night)]
    try:
        night_of(layout, night)
    except (RecommendationsError, OSError):
        missing.append("recommendations")
    if not missing:
        return ""
    why = "the night did not run to its end"
    if missing == ["recommendations"]:
        why += ", or its lists were rolled back, or dropped with older nights"
    return f"{', '.join(missing)} of {night} are not there: {why}; the page says less."
