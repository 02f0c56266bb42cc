"""Threads of a training where nobody says how many."""

import os

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gru4rec.config.options import Config
from gru4rec.config.presets import PRESETS
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.training.fit import FitOptions, fit
from gru4rec.training.threads import _quota, choose, cores, free_cores, paying_threads, update_operations


@given(st.floats(0, 1e15), st.integers(-5, 1000))
def test_at_least_one_thread_and_never_more_than_are_free(operations: float, free: int) -> None:
    assert 1 <= choose(operations, free) <= max(1, free)


@given(st.integers(1, 512), st.floats(0, 1000))
def test_free_cores_are_those_that_the_load_leaves(available: int, load: float) -> None:
    free = free_cores(available, load)
    assert 1 <= free <= available
    assert free == available or free <= max(1, available - load + 1.5)


@pytest.mark.parametrize(("load", "free"), [(0.0, 8), (1.0, 8), (2.0, 7), (5.4, 4), (30.0, 1)])
def test_one_of_the_waiting_threads_is_our_own(load: float, free: int) -> None:
    assert free_cores(8, load) == free


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


def test_a_container_may_use_the_whole_cores_of_its_quota() -> None:
    assert _quota("max 100000\n") is None
    assert _quota("250000 100000\n") == 2
    assert _quota("50000 100000\n") == 1


def test_this_machine_is_asked() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)
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
