"""What the assets are given: the warehouse on disk, and MLflow. Nothing is opened before an asset asks for it."""

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipelines.settings.read import Settings
from pipelines.settings.tracking_server import lend_credentials
from warehouse.layout import Layout
from warehouse.partitions import check, made_by

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.tracking.runs import Tracking
    from warehouse.engine.duckdb_engine import DuckDBEngine
    from warehouse.engine.protocol import Engine


class Warehouse(dg.ConfigurableResource):
    """The data folder and the engine that works on it."""

    root: str
    memory_limit: str
    threads: int
    kind: str = "duckdb"
    url: str = ""
    spark: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it

    @property
    def layout(self) -> Layout:
        """Where everything lies below the data folder."""
        return Layout(Path(self.root))

    def engine(self) -> "Engine":
        """A new engine of this resource's kind and limits; it spills into the data folder's scratch."""
        from warehouse.engine.choice import engine_of

        return engine_of(
            self.kind,
            self.scratch(),
            memory_limit=self.memory_limit,
            threads=self.threads,
            url=self.url,
            spark=self.spark,
        )

    def local_engine(self) -> "DuckDBEngine":
        """DuckDB on this machine, whatever the kind: for what is small, such as the catalogue."""
        from warehouse.engine.duckdb_engine import DuckDBEngine

        return DuckDBEngine(self.memory_limit, self.threads or None, self.scratch())

    def scratch(self) -> Path:
        """The folder for what a running step puts on disk for itself; it is there."""
        self.layout.scratch.mkdir(parents=True, exist_ok=True)
        return self.layout.scratch

    def files(self, table: str, day: str | date) -> list[Path]:
        """The files of a day of a table, in the order of its rows.

        Raises:
            FileNotFoundError: there are none; the sentence says which asset to materialise.
            Damaged: one of them is not the file that was written.
        """
        files = self.layout.files(table, day)
        if not files:
            missing = self.layout.place(table, day)
            raise FileNotFoundError(f"{missing} does not exist: materialise {made_by(table)} for {day} first.")
        for file in files:
            check(file)
        return files

    def read(self, table: str, day: str | date) -> "pa.Table":
        """One day of a table as Arrow."""
        import pyarrow.parquet as pq

        return pq.read_table(self.files(table, day), partitioning=None)


class MLflow(dg.ConfigurableResource):
    """Where training runs and model versions are kept."""

    tracking_uri: str
    artifacts: str
    experiment: str
    model: str
    system_metrics: bool

    def open(self) -> "Tracking":
        """Connect; creates the experiment (and a local store) on first use."""
        from pipelines.tracking.runs import Tracking

        lend_credentials(os.environ)
        return Tracking(self.tracking_uri, Path(self.artifacts), self.experiment, self.model, self.system_metrics)


def resources(settings: Settings) -> dict[str, Any]:
    """The resources as the settings describe them."""
    return {
        "warehouse": Warehouse(root=str(settings.root), **settings.knobs.engine.model_dump()),
        "mlflow": MLflow(
            tracking_uri=settings.tracking_uri,
            artifacts=str(settings.mlflow_folder / "artifacts"),
            **settings.knobs.mlflow.model_dump(),
        ),
    }
