"""Threads where nobody says how many."""

import os

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gru4rec.config.threads import PAYS, _quota, choose, cores, free_cores, limited, paying


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


def test_a_container_may_use_the_whole_cores_of_its_quota() -> None:
    assert _quota("max 100000\n") is None
    assert _quota("250000 100000\n") == 2
    assert _quota("50000 100000\n") == 1


def test_this_machine_is_asked() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)
    assert paying(PAYS) == 1
    assert 1 <= paying(1e15) <= min(cores(), torch.get_num_threads())


def test_threads_are_limited_for_a_while_even_when_work_fails() -> None:
    before, seen = torch.get_num_threads(), []

    def work() -> None:
        with limited(before + 1):
            seen.append(torch.get_num_threads())
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert [*seen, torch.get_num_threads()] == [before + 1, before]
