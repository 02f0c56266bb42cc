"""A tiny shop whose items stand in a ring, with its champion; the assets of serving run on it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.policy.resources import MLflow, Warehouse
from pipelines.serving.recommendations import recommendations
from pipelines.serving.similar_items import similar_items
from pipelines.tracking import registry
from warehouse.layout import Layout

FIRST, LAST = date(2026, 1, 7), date(2026, 1, 8)
ITEMS, USERS = 40, 60
STRANGER, OLD = 777, 888  # a user of unknown items only; a user whose only event lies before the window


def write(path: Path, **columns: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def registered(mlflow_at: MLflow, checkpoint: Path) -> int:
    """Log and register the checkpoint as the nightly model does, and make it champion; returns its version."""
    import mlflow

    import gru4rec
    from gru4rec.pyfunc import ARTIFACT

    tracking = mlflow_at.open()
    with tracking.run("a model", {"run_date": FIRST.isoformat()}):
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(Path(gru4rec.__file__).parent / "pyfunc.py"),
            artifacts={ARTIFACT: str(checkpoint)},
            pip_requirements=[],
        )
    registry.register(tracking, info, {"run_date": FIRST.isoformat()})
    version = registry.of_night(tracking, FIRST.isoformat())
    registry.promote(tracking, version, by="test", reason="the only one")
    return int(version.version)


def two_days(layout: Layout) -> pa.Table:
    """Write two days of events of a ring of items (i is followed by i + 1) and the catalogue of each; returns sessions
    of the known items.
    """
    rng = np.random.default_rng(0)
    rows = []
    for day in (FIRST, LAST):
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        found = [
            (user, (start + step) % ITEMS, noon + timedelta(minutes=user, seconds=step))
            for user, start in zip(range(USERS), rng.integers(ITEMS, size=USERS).tolist(), strict=True)
            for step in range(4)
        ]
        found.append((STRANGER, 5000, noon))
        if day == FIRST:
            found.append((OLD, 3, noon - timedelta(days=100)))
        user, item, at = (list(column) for column in zip(*found, strict=True))
        times = pa.array(at, pa.timestamp("us", "UTC"))
        write(layout.partition("events", day), user_id=user, item_id=item, timestamp=times)
        rows += found
    write(layout.partition("items", FIRST), item_id=list(range(ITEMS)), title=[f"Film {i}" for i in range(ITEMS)])
    traits = {"in_stock": [i % 2 == 0 for i in range(ITEMS)], "shelf": [i % 3 for i in range(ITEMS)]}
    write(layout.partition("items", LAST), item_id=list(range(ITEMS)), **traits)
    known = [row for row in rows if row[1] < ITEMS]
    return pa.table(
        {
            "session_id": [f"{user} {at.date()}" for user, _, at in known],
            "item_id": [item for _, item, _ in known],
            "timestamp": pa.array([at for *_, at in known], pa.timestamp("us", "UTC")),
        }
    )


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, fresh_mlflow: Callable[[Path], None]) -> SimpleNamespace:
    """Two days of events, and a small model trained on them: the champion of a registry of its own."""
    from gru4rec.config.options import Config
    from gru4rec.data.dataset import Dataset
    from gru4rec.data.sessions import Sessions
    from gru4rec.data.vocabulary import Vocabulary
    from gru4rec.storage.checkpoint import save
    from gru4rec.training.fit import FitOptions, fit

    root = tmp_path_factory.mktemp("shop")
    layout = Layout(root / "data")
    sessions = two_days(layout)
    vocabulary = Vocabulary.build(sessions["item_id"])
    config = Config().override({"hidden_size": 16, "epochs": 2, "batch_size": 16, "n_sample": 16})
    result = fit(Dataset(Sessions.from_table(sessions, vocabulary), vocabulary), config, FitOptions(device="cpu"))
    save(root / "checkpoint", result.model, config, {"temperature": 1.0})
    fresh_mlflow(root)
    mlflow = store(root)
    version = registered(mlflow, root / "checkpoint")
    return SimpleNamespace(layout=layout, checkpoint=root / "checkpoint", mlflow=mlflow, version=version)


def store(root: Path) -> MLflow:
    """The MLflow store below a folder."""
    folder = root / "mlflow"
    return MLflow(
        tracking_uri=f"sqlite:///{folder / 'mlflow.db'}", artifacts=str(folder / "artifacts"), experiment="gru4rec",
        model="gru4rec", system_metrics=False,
    )  # fmt: skip


@pytest.fixture
def serve(shop: SimpleNamespace, tmp_path: Path, instance: dg.DagsterInstance) -> SimpleNamespace:
    """Materialise an asset of serving for a day with some knobs; the champion is the shop's model."""
    layout = Layout(tmp_path / "data")
    (tmp_path / "data").mkdir()
    for name in ("events", "items"):
        (layout.root / name).symlink_to(shop.layout.root / name)
    resources = {
        "warehouse": Warehouse(root=str(layout.root), memory_limit="500MB", threads=1),
        "mlflow": shop.mlflow,
    }

    def materialise(asset: dg.AssetsDefinition, day: date, **knobs: object) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            [asset], partition_key=day.isoformat(), resources=resources, raise_on_error=False, instance=instance,
            run_config={"ops": {asset.key.to_user_string(): {"config": {"n": 10, **knobs}}}},
        )  # fmt: skip

    def run(day: date = LAST, **knobs: object) -> dg.ExecuteInProcessResult:
        return materialise(recommendations, day, **{"window_days": 30, **knobs})

    def similar(day: date = LAST, **knobs: object) -> dg.ExecuteInProcessResult:
        return materialise(similar_items, day, **knobs)

    return SimpleNamespace(
        run=run, similar=similar, layout=layout, resources=resources, version=shop.version, store=store,
        instance=instance,
    )  # fmt: skip
