"""The report written below data/reports, whole or not at all, and laid beside the runs in MLflow."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.policy.resources import Warehouse
from pipelines.reports.contents import Contents, gather
from pipelines.reports.page import render
from warehouse.whole_files import replacing

if TYPE_CHECKING:
    from pipelines.tracking.runs import Tracking


def make_report(warehouse: Warehouse, tracking: "Tracking", night: date) -> Path:
    """Write a night's page in the place of an earlier one; returns its file.

    MLflow keeps a copy with the run that was trained that night and with the run whose model made the lists.

    Raises:
        FileNotFoundError: the night left nothing to report on.
    """
    contents = gather(warehouse, tracking, night)
    text = render(contents)
    file = warehouse.layout.report(night)
    with replacing(file) as beside:
        beside.write_text(text, encoding="utf-8")
    for run_id in _runs(contents):
        tracking.keep_report(run_id, file)
    return file


def _runs(contents: Contents) -> list[str]:
    trained = contents.model.version.run_id if contents.model.version else None
    served = contents.lists.now.mlflow_run_id if contents.lists else None
    return sorted({run for run in (trained, served) if run})
