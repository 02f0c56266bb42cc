"""Threads of a training where nobody says how many."""

import pytest
import torch

from gru4rec.config.options import Config
from gru4rec.config.presets import PRESETS
from gru4rec.config.threads import choose, cores
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.training.fit import FitOptions, fit
from gru4rec.training.threads import paying_threads, update_operations


@pytest.mark.parametrize(
    ("name", "threads"),
    [("rsc15", 1), ("retailrocket", 1), ("yoochoose", 2), ("diginetica", 6), ("coveo", 7), ("rees46", 8)],
)
def test_narrow_models_get_one_thread_and_wide_ones_several(name: str, threads: int) -> None:
    assert choose(update_operations(PRESETS[name]), 8) == threads


def test_the_member_that_needs_most_decides() -> None:
    one = PRESETS["rsc15"]
    several = one.override({"members": 3, "alternate": {"hidden_size": 512, "batch_size": 240}})
    wide = one.override({"hidden_size": 512, "batch_size": 240})
    assert update_operations(several) == update_operations(wide) > update_operations(one)


def test_this_machine_is_asked() -> None:
    assert 1 <= paying_threads(PRESETS["rees46"]) <= min(cores(), torch.get_num_threads())


def test_a_narrow_model_trains_with_one_thread_where_none_are_named() -> None:
    sessions = Sessions.from_lists([[0, 1, 2], [2, 1, 0]])
    config = Config().override({"hidden_size": 4, "n_sample": 4, "batch_size": 2, "epochs": 1})
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        options = FitOptions(device="cpu", on_epoch=lambda _: seen.append(torch.get_num_threads()))
        fit(Dataset(sessions, Vocabulary.build([0, 1, 2])), config, options)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == [1]
