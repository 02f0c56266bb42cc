"""Members that take turns end as those that are trained one after another."""

import numpy as np
import pytest
import torch

from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.training import side_by_side
from gru4rec.training.epochs import EpochReport, FitOptions, Member, Training, train, whole
from gru4rec.training.fit import fit
from gru4rec.training.trainer import DivergenceError
from tests.gru4rec.comparing import random_sessions

SMALL = Config().override({"hidden_size": 4, "batch_size": 3, "n_sample": 5, "epochs": 2})
CPU = torch.device("cpu")


def data() -> Dataset:
    return Dataset(random_sessions(200, 9, 1), Vocabulary.build(np.arange(9)))


def trainings(*changes: dict[str, object]) -> list[Training]:
    recipes = [SMALL.override(change) for change in changes]
    options = FitOptions(device="cpu")
    return [train(data(), recipe, options, Member(n + 1, len(changes))) for n, recipe in enumerate(recipes)]


def equal(one: GRU4Rec, other: GRU4Rec) -> bool:
    tensors = other.tensors()
    return all(torch.equal(value, tensors[name]) for name, value in one.tensors().items())


def test_members_that_take_turns_end_as_they_would_alone_whatever_their_lengths() -> None:
    changes = [{"seed": 1}, {"seed": 2, "loss": "bpr-max", "epochs": 4}, {"seed": 3, "dropout_embedding": 0.4}]
    together = side_by_side.run_together(trainings(*changes), CPU)
    for found, training in zip(together, trainings(*changes), strict=True):
        alone = whole(training)
        assert equal(found.model, alone.model)
        assert [report.loss for report in found.history] == [report.loss for report in alone.history]


def test_a_fit_whose_members_take_turns_gives_the_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    config = SMALL.override({"members": 3, "alternate": {"loss": "bpr-max"}, "repeats": True, "balance": 0.5})
    order: list[tuple[int, int]] = []

    def note(report: EpochReport) -> None:
        order.append((report.member, report.epoch))

    one_by_one = fit(data(), config, FitOptions(device="cpu", threads=1, on_epoch=note))
    assert order == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]
    order.clear()
    monkeypatch.setattr(side_by_side, "pays", lambda device: True)
    together = fit(data(), config, FitOptions(device="cpu", threads=1, on_epoch=note, progress=True))
    assert equal(one_by_one.model, together.model)
    assert sorted(order[:3]) == [(1, 1), (2, 1), (3, 1)]
    assert [(report.member, report.epoch) for report in together.history] == [(m, e) for m in (1, 2, 3) for e in (1, 2)]
    assert together.seconds < sum(report.seconds for report in together.history)


def test_where_one_member_fails_the_others_end() -> None:
    running = trainings({"seed": 1, "epochs": 50}, {"learning_rate": 1e6}, {"seed": 3, "epochs": 50})
    with pytest.raises(DivergenceError, match="step"):
        side_by_side.run_together(running, CPU)
    for training in running:
        with pytest.raises(StopIteration):
            next(training)
