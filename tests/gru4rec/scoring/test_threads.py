"""Threads of evaluation and of lists where nobody says how many."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from gru4rec.config.options import Config
from gru4rec.config.threads import choose, cores
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.build import build_model
from gru4rec.scoring.scorer import ROWS, Scorer
from gru4rec.scoring.threads import product_operations, scoring_threads
from gru4rec.serving.lists import list_threads


def scorer_of(units: int, items: int) -> Scorer:
    return build_model(Config().override({"hidden_size": units}), Vocabulary.build(list(range(items))))


@pytest.mark.parametrize(("units", "items", "threads"), [(8, 3_000, 1), (100, 5_000, 1), (96, 20_000, 3)])
def test_small_products_get_one_thread_and_large_ones_several(units: int, items: int, threads: int) -> None:
    scorer = scorer_of(units, items)
    assert product_operations(scorer) == 2 * ROWS * items * units
    assert choose(product_operations(scorer), 8) == threads
    assert product_operations(scorer, 128, 4_608) == 2 * 128 * min(items, 4_608) * units
    assert product_operations(scorer, 128, 4_608) <= product_operations(scorer)


def test_what_has_no_products_gets_one(fixed_scorer: Callable[..., Scorer]) -> None:
    scorer = fixed_scorer(np.zeros((2, 100_000), dtype=np.float32))
    assert scoring_threads(scorer) == list_threads(scorer) == 1


def test_never_more_than_there_are() -> None:
    scorer = scorer_of(256, 20_000)
    for found in (scoring_threads(scorer), list_threads(scorer)):
        assert 1 <= found <= min(cores(), torch.get_num_threads())
