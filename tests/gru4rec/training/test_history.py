"""The history of a fit as a table."""

from pathlib import Path

import numpy as np

from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.training.fit import FitOptions, FitResult, fit
from tests.gru4rec.comparing import random_sessions

SMALL = {"hidden_size": 8, "batch_size": 4, "n_sample": 16, "epochs": 4}
VOCABULARY = Vocabulary.build(np.arange(12))


def data(sessions: int) -> Dataset:
    return Dataset(random_sessions(sessions, 12, 1), VOCABULARY)


def test_the_history_as_a_table_has_a_row_an_epoch_of_every_member() -> None:
    config = Config().override({**SMALL, "members": 2, "epochs": 3})
    result = fit(data(30), config, FitOptions(validation=data(9)))
    table = result.history_table()
    assert table.column_names == ["member", "epoch", "loss", "seconds", "events_per_second", "recall@20", "mrr@20"]
    assert table["member"].to_pylist() == [1, 1, 1, 2, 2, 2]
    assert table["epoch"].to_pylist() == [1, 2, 3, 1, 2, 3]
    assert table["loss"].to_pylist() == [report.loss for report in result.history]
    assert table["mrr@20"].to_pylist() == [(report.validation or {})["mrr@20"] for report in result.history]


def test_the_history_without_validation_has_no_metrics_and_of_no_epoch_no_rows() -> None:
    result = fit(data(9), Config().override(SMALL))
    assert result.history_table().column_names == ["member", "epoch", "loss", "seconds", "events_per_second"]
    assert FitResult(result.model).history_table().num_rows == 0


def test_the_history_of_a_run_that_goes_on_with_validation_has_its_metrics(tmp_path: Path) -> None:
    config = Config().override({**SMALL, "epochs": 1})
    fit(data(9), config, FitOptions(checkpoint_dir=tmp_path))
    watched = FitOptions(validation=data(9), checkpoint_dir=tmp_path, resume=True)
    table = fit(data(9), config.override({"epochs": 2}), watched).history_table()
    assert table["recall@20"].null_count == 1
    assert table["recall@20"][1].as_py() > 0
