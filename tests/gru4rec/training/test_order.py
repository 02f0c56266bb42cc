"""Logs that are sorted by length are read in another order; all others as they stand."""

import numpy as np
import pytest
import torch

from gru4rec import Dataset, FitOptions, fit
from gru4rec.config.options import Config
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.training import order
from gru4rec.training.order import STRETCHES, in_mended_order, mended, sorted_by_length


def log(lengths: np.ndarray) -> Sessions:
    """Sessions of these lengths; the first item of each is its place."""
    return Sessions.from_lists([[place, *[0] * (length - 1)] for place, length in enumerate(lengths.tolist())])


def days_sorted_by_length(days: int, sessions: int) -> np.ndarray:
    random = np.random.default_rng(3)
    return np.concatenate([np.sort(random.geometric(0.3, sessions) + 1)[::-1] for _ in range(days)])


def places(sessions: Sessions) -> np.ndarray:
    return sessions.items[sessions.offsets[:-1]]


def test_a_sorted_log_is_read_quarter_by_quarter_and_no_session_is_lost():
    lengths = days_sorted_by_length(5, 200)
    given = log(lengths)
    mended = in_mended_order(given, 1)
    order = places(mended)
    assert sorted_by_length(given)
    assert not sorted_by_length(mended)
    assert sorted(order.tolist()) == list(range(1000))
    assert (lengths[order] == mended.lengths).all()
    assert (order // (1000 // STRETCHES) == np.arange(1000) // (1000 // STRETCHES)).all()
    assert (order == places(in_mended_order(given, 1))).all()
    assert (order != places(in_mended_order(given, 2))).any()


@pytest.mark.parametrize(
    "lengths",
    [
        np.random.default_rng(4).geometric(0.3, 1000) + 1,
        np.full(1000, 2),
        np.r_[np.full(999, 2), 7],
        np.sort(np.random.default_rng(4).geometric(0.3, 99) + 1),
        np.array([], dtype=int),
    ],
    ids=["in time", "of one length", "of one length but the last", "few", "none"],
)
def test_any_other_log_is_read_as_it_stands(lengths):
    given = log(lengths)
    assert in_mended_order(given, 1) is given


def test_training_reads_the_mended_order_only_where_it_is_told_to():
    given = log(days_sorted_by_length(2, 60))
    vocabulary = Vocabulary.build(np.arange(120))
    config = Config().override({"hidden_size": 4, "n_sample": 8, "batch_size": 4, "epochs": 1, "seed": 7})

    def trained(sessions: Sessions, **changes: float) -> dict[str, torch.Tensor]:
        options = FitOptions(device="cpu", threads=1)
        return fit(Dataset(sessions, vocabulary), config.override(changes), options).model.tensors()

    as_given, mended = trained(given), trained(given, mend_order=True)
    torch.testing.assert_close(mended, trained(in_mended_order(given, 7)), rtol=0, atol=0)
    assert any((mended[name] != weight).any() for name, weight in as_given.items())


def test_the_rate_falls_where_a_large_log_is_mended_and_nothing_else_is_said(monkeypatch):
    given = log(days_sorted_by_length(2, 60))
    data, config = Dataset(given, Vocabulary.build(np.arange(120))), Config()
    assert mended(data, config)[1] is config
    monkeypatch.setattr(order, "SMALL", given.predictions)
    assert mended(data, config)[1] == config.override({"falling": 0.4})
    assert mended(data, config.override({"falling": 1.0}))[1].optimizer.falling == 1.0
    in_time = Dataset(log(np.full(1000, 300)), Vocabulary.build(np.arange(1000)))
    assert mended(in_time, config) == (in_time, config)
