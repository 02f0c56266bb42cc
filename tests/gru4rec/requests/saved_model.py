"""A small model saved as MLflow saves it."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from gru4rec.config.options import Config
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.serving.recommend import Recommender
from gru4rec.storage import checkpoint

CONFIG = Config().override({"hidden_size": 8})


def model_of(ids: pa.Array) -> GRU4Rec:
    """A model of some items that has learnt nothing."""
    model = GRU4Rec(CONFIG.model, Vocabulary(ids, np.arange(len(ids), 0, -1)))
    model.initialise(1)
    return model


def recommender_of(ids: pa.Array) -> Recommender:
    """A recommender over such a model."""
    return Recommender(model_of(ids))


def saved_model(folder: Path, ids: pa.Array | None = None) -> Path:
    """Write below a folder a checkpoint, of version 3, and an MLflow model; returns the latter.

    `ids`: the items; None: 1 to 30.
    """
    import mlflow

    import gru4rec

    checkpoint.save(
        folder / "checkpoint",
        model_of(pa.array(range(1, 31)) if ids is None else ids),
        CONFIG,
        {"temperature": 2.0, "model_version": 3},
    )
    mlflow.pyfunc.save_model(
        folder / "model",
        python_model=str(Path(gru4rec.__path__[0]) / "pyfunc.py"),
        artifacts={"model": str(folder / "checkpoint")},
        pip_requirements=["torch"],
    )
    return folder / "model"
