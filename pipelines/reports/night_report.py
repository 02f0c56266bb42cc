"""The asset `night_report`: the page that tells people of a night, made when all else of the night is done."""

from datetime import date

import dagster as dg

from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS
from pipelines.policy.partitions import DAILY
from pipelines.policy.pictures import REPORTS
from pipelines.policy.resources import MLflow, Warehouse


@dg.asset(
    description=(
        "One HTML page that needs nothing beside it: what came in, what changed since the night before, the model "
        "against the others, the gate's reason, what readers' lists were worth, and some users with their lists."
    ),
    group_name="serving",
    kinds={"html", "mlflow"},
    owners=OWNERS,
    partitions_def=DAILY,
    deps=["recommendations", "realised"],
)
def night_report(context: dg.AssetExecutionContext, warehouse: Warehouse, mlflow: MLflow) -> dg.MaterializeResult:
    """Write the page and lay it beside the runs."""
    from pipelines.reports.make import make_report

    night = date.fromisoformat(context.partition_key)
    with as_failure():
        file = make_report(warehouse, mlflow.open(), night)
    context.log.info(f"The report of {night} is {file}")
    return dg.MaterializeResult(
        metadata={
            "page": dg.MetadataValue.url(f"/{REPORTS}/{file.name}"),  # served by `make ui`
            "report": dg.MetadataValue.path(str(file)),
            "bytes": file.stat().st_size,
        },
    )
