"""A tiny synthetic shop for real nights. The settings are read once a process, so they are named here, first."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SHOP_DAYS = 8
SETTINGS = """
[partitions]
first_day = "2026-01-01"
last_day = "2026-01-08"

[model]
preset = "rsc15"
threads = 1

[model.overrides]
hidden_size = 48
batch_size = 32
n_sample = 128
epochs = 3
keep = "best"

[evaluation]
baselines = ["popularity", "markov"]
bootstrap = 100

[gate]
min_events = 50

[recommendations]
n = 10

[mlflow]
system_metrics = false
"""
_HOME = tempfile.TemporaryDirectory(prefix="pipelines-tests-")
_ROOT = Path(_HOME.name)
(_ROOT / "pipeline.toml").write_text(SETTINGS)
os.environ["GRU4REC_DATA"] = str(_ROOT)
os.environ.pop("GRU4REC_CONFIG", None)
os.environ.pop("MLFLOW_TRACKING_URI", None)


@dataclass
class House:
    """A data folder with its Dagster instance; `run` materialises, and keeps the instance's memory."""

    root: Path
    instance: Any
    results: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def layout(self) -> Any:
        from warehouse.layout import Layout

        return Layout(self.root)

    @property
    def tracking(self) -> Any:
        return self.resources()["mlflow"].open()

    def resources(self) -> dict[str, Any]:
        from pipelines.policy.resources import resources
        from pipelines.settings.read import load

        return resources(load({"GRU4REC_DATA": str(self.root), **self.environment}))

    def run(self, job: str, day: str | None = None, config: dict[str, Any] | None = None, **options: Any) -> Any:
        """Execute a job (or, with `select`, some of nightly's assets) in this process; failures are in the result."""
        from pipelines.definitions import defs
        from pipelines.policy.turns import release

        select = options.pop("select", None)
        resolved = defs.resolve_job_def(job)
        config = {"loggers": {"plain": {}}, **(config or {})}
        config["resources"] = {name: {"config": one.model_dump()} for name, one in self.resources().items()}
        result = resolved.execute_in_process(
            instance=self.instance,
            partition_key=day,
            run_config=config,
            raise_on_error=False,
            asset_selection=select,
            **options,
        )
        release(self.layout, result.run_id)  # as the shell does: this process lives on, and its home is its own
        return result


@pytest.fixture(scope="session")
def fresh_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Puts an empty MLflow store below a data folder: made once, then copied, for making its tables takes seconds."""
    from pipelines.tracking.runs import Tracking

    made = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    Tracking(f"sqlite:///{made}", made.parent, "unused", "gru4rec")

    def put(root: Path) -> None:
        (root / "mlflow").mkdir(parents=True, exist_ok=True)
        shutil.copy(made, root / "mlflow" / "mlflow.db")

    return put


@pytest.fixture(scope="session")
def environment() -> Callable[[Path, Path], dict[str, str]]:
    """The environment of a process of its own, by its data folder and its Dagster home.

    MLflow writes the last store that was opened into this process's environment; a child must not go on with it.
    """

    def of(root: Path, home: Path) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
        return {**plain, "GRU4REC_DATA": str(root), "DAGSTER_HOME": str(home)}

    return of


@pytest.fixture(scope="session")
def instance() -> Iterator[Any]:
    """Dagster's memory, for tests that run assets and ask it nothing: making one takes longer than a small asset."""
    import dagster as dg

    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="session")
def sentence() -> Callable[[Any], str]:
    """The description of a run's failure; an exception with a traceback is not a sentence and fails the test."""

    def read(result: Any) -> str:
        failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
        stated = [data.user_failure_data.description for data in failures if data.user_failure_data]
        assert stated, [data.error_display_string for data in failures]
        return str(stated[0])

    return read


@pytest.fixture(scope="session")
def house(fresh_mlflow: Callable[[Path], None]) -> Iterator[House]:
    """Raw data of eight days, events backfilled in one run; nights are run by the tests' own fixtures."""
    import dagster as dg

    from warehouse.sources.shop.generate import generate

    with dg.DagsterInstance.ephemeral() as instance:
        found = House(_ROOT, instance)
        fresh_mlflow(_ROOT)
        generate(_ROOT, 12_000, seed=3, n_items=150, days=SHOP_DAYS)
        span = {"dagster/asset_partition_range_start": "2026-01-01", "dagster/asset_partition_range_end": "2026-01-08"}
        found.results["backfill"] = found.run("backfill_events", tags=span)
        yield found


@pytest.fixture(scope="session")
def three_versions(tmp_path_factory: pytest.TempPathFactory, fresh_mlflow: Callable[[Path], None]) -> Path:
    """The folder of a registry with three versions, all of one small model; the first is champion by its gate."""
    from pipelines.tracking import registry

    folder = tmp_path_factory.mktemp("three-versions")
    fresh_mlflow(folder)
    found = _tracking(folder)
    found.client.create_registered_model("gru4rec")
    _save_small_model(folder / "model" / "artifacts" / "checkpoint")
    for _ in range(3):
        run = found.client.create_run(found.experiment_id)
        found.client.create_model_version("gru4rec", (folder / "model").as_uri(), run.info.run_id)
    registry.promote(found, found.client.get_model_version("gru4rec", "1"), by="gate", reason="first")
    return folder


def _save_small_model(folder: Path) -> None:
    import pyarrow as pa

    from gru4rec import Config
    from gru4rec.data.vocabulary import Vocabulary
    from gru4rec.network.build import build_model
    from gru4rec.storage.checkpoint import save

    config = Config().override({"hidden_size": 4})
    save(folder, build_model(config, Vocabulary.build(pa.array([1, 2, 3]))), config)


@pytest.fixture
def tracking(tmp_path: Path, three_versions: Path) -> Any:
    """A registry of the test's own, as `three_versions` has it."""
    shutil.copytree(three_versions / "mlflow", tmp_path / "mlflow")
    return _tracking(tmp_path)


def _tracking(folder: Path) -> Any:
    from pipelines.tracking.runs import Tracking

    return Tracking(f"sqlite:///{folder}/mlflow/mlflow.db", folder / "artifacts", "nights", "gru4rec")
