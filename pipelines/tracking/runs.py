"""MLflow runs of the nights: opened by name, and closed with the right status, even after their process has died.

This does without dagster-mlflow, whose resource is for ops alone and whose hooks set wrong states.
"""

import logging
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.tracking import store

if TYPE_CHECKING:
    from mlflow import ActiveRun
    from mlflow.entities import Run

REQUIREMENTS = ("torch", "numpy", "pyarrow", "safetensors")
UI = "http://127.0.0.1:5000"  # where `make ui` serves a local store, unless GRU4REC_MLFLOW_UI says another place
NOTE = (
    "One run a night: parameters, losses, data and both checkpoints of its training, then its figures on held-out days "
    "(test/...) beside the champion's and the baselines'. Columns worth picking: test/recall_at_20 (_low, _high), "
    "test/champion/challenger_minus_this/recall_at_20, test/mrr_at_20, test/coverage_at_20; tags gate, run_date. "
    "*Views, Save as new view* keeps what was picked, for everybody."
)
NOTE_TAG = "mlflow.note.content"  # the description of an experiment, and of a run
CLOCK_SLACK = 2.0  # seconds; when the clock is set, a process seems to have started a little earlier or later


class Tracking:
    """A connection to MLflow: one experiment, one registered model.

    uri: a sqlite file or a server. artifacts: the folder for a sqlite file's artifacts; a server has its own place.
    Raises StoreUnusable where a sqlite file cannot be used.
    """

    REPORTS = "reports"  # of a run's artifacts: the pages that tell people of nights

    def __init__(self, uri: str, artifacts: Path, experiment: str, model: str, system_metrics: bool = False) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        import mlflow

        # The store raises what it logs, with its stack traces; samples of the processor that are lost stop nothing.
        noisy = {"alembic": "WARNING", "mlflow.store.db.utils": "CRITICAL", "mlflow.system_metrics": "ERROR"}
        for name, level in noisy.items():
            logging.getLogger(name).setLevel(level)
        file = store.file_of(uri)
        if file is not None:
            store.judge(file)
            store.follow(file, artifacts)
        uri = store.patient(uri)
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        self.client = mlflow.MlflowClient(uri, uri)
        self.ui = uri.rstrip("/") if uri.startswith("http") else os.environ.get("GRU4REC_MLFLOW_UI", UI)
        self.model = model
        self.system_metrics = system_metrics
        try:
            self.experiment_id = self._experiment(experiment, artifacts if uri.startswith("sqlite:") else None)
        except Exception as error:
            if file is None or isinstance(error, ValueError):
                raise
            raise store.unusable(file, _first_line(error)) from error

    def _experiment(self, name: str, artifacts: Path | None) -> str:
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(name)
        if found is None:
            try:
                folder = artifacts.absolute().as_uri() if artifacts else None
                # without its kind the UI shows a new experiment as one about chat traces
                tags = {"mlflow.experimentKind": "custom_model_development", NOTE_TAG: NOTE}
                made = self.client.create_experiment(name, folder, tags)
                if artifacts:
                    self._hide_default()
                return str(made)
            except MlflowException:  # another process was first
                found = self.client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage != "active":
            raise ValueError(f"The MLflow experiment {name!r} was deleted: restore it, or name another in [mlflow].")
        return str(found.experiment_id)

    def page(self, run_id: str, artifact: str = "") -> str:
        """The address of a run, or of one of its artifacts, in the MLflow UI's pages for trained models."""
        shown = f"/artifacts/{artifact}" if artifact else ""
        kind = "workflowType=machine_learning"  # without it the UI opens as one about chat traces
        return f"{self.ui}/#/experiments/{self.experiment_id}/runs/{run_id}{shown}?{kind}"

    def keep_report(self, run_id: str, page: Path) -> None:
        """Lay a night's page among a run's artifacts; a run that somebody has deleted from MLflow goes without."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.log_artifact(run_id, str(page), self.REPORTS)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise

    def _hide_default(self) -> None:
        """Delete the empty experiment that MLflow puts into a new store: its artifacts would go to ./mlruns."""
        default = self.client.get_experiment("0")
        if default.lifecycle_stage == "active" and not self.client.search_runs(["0"], max_results=1):
            self.client.delete_experiment("0")

    @contextmanager
    def run(self, name: str, tags: Mapping[str, str]) -> "Iterator[ActiveRun]":
        """A new active run; it ends as FINISHED, as FAILED after an error (told by it), as KILLED when told to stop."""
        import mlflow
        import psutil

        started = psutil.Process().create_time()
        owner = {"host": socket.gethostname(), "pid": str(os.getpid()), "process_started": f"{started:.2f}"}
        active = mlflow.start_run(
            experiment_id=self.experiment_id,
            run_name=name,
            tags={**tags, **owner},
            log_system_metrics=self.system_metrics,
        )
        try:
            yield active
        except Exception as error:
            mlflow.end_run("FAILED")
            self.client.set_tag(active.info.run_id, NOTE_TAG, f"**Failed.** {_first_line(error)}")
            raise
        except BaseException:  # KeyboardInterrupt, Dagster's termination
            mlflow.end_run("KILLED")
            raise
        else:
            mlflow.end_run("FINISHED")

    def close_interrupted(self) -> "list[Run]":
        """Close as KILLED the RUNNING runs whose process on this machine is gone; returns them."""
        closed = []
        for run in self.client.search_runs([self.experiment_id], "attributes.status = 'RUNNING'"):
            tags = run.data.tags
            if tags.get("host") == socket.gethostname() and not _alive(tags):
                self.client.set_terminated(run.info.run_id, "KILLED")
                closed.append(run)
        return closed


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def log_dataset(name: str, source: Path, digest: str, context: str) -> None:
    """Note a data set's name, file and hash on the active run: MLflow has a column of data sets."""
    import mlflow
    from mlflow.data.filesystem_dataset_source import FileSystemDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.data.sources import LocalArtifactDatasetSource

    origin: FileSystemDatasetSource = LocalArtifactDatasetSource(source.absolute().as_uri())
    mlflow.log_input(MetaDataset(origin, name=name, digest=digest[:36]), context=context)


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers among `values`, under names that MLflow takes ("recall@20" as "recall_at_20")."""
    import math

    return {
        name.replace("@", "_at_"): float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }


@cache
def git_commit() -> str:
    """The commit of this code, or "unknown" where it is not in a git checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _alive(tags: Mapping[str, str]) -> bool:
    """Whether the process that a run's tags name still runs, told from a later one of the same number by its start."""
    import psutil

    try:
        started = psutil.Process(int(tags.get("pid", 0))).create_time()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
    return bool(abs(started - float(tags.get("process_started", started))) < CLOCK_SLACK)
