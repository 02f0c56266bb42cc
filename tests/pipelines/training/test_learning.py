"""The model learns what can be learnt: on the synthetic shop, whose best reachable recall is known."""

from typing import Any

import numpy as np
import pytest

SETTINGS = {
    "hidden_size": 64,
    "batch_size": 64,
    "n_sample": 128,
    "epochs": 5,
    "learning_rate": 0.1,
    "loss": "cross-entropy",
}


def drawn(shop: Any, vocabulary: Any, n: int, seed: int) -> Any:
    """n sessions as (user, position) rows of the shop's items, encoded; a session of one event is dropped."""
    from gru4rec.data.sessions import Sessions

    items, lengths = shop.draw(n, 0, seed)
    codes = vocabulary.encode(shop.item_ids[items])
    assert (codes >= 0).all()
    sessions = Sessions(codes, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    return sessions.select(sessions.lengths >= 2)


@pytest.mark.slow
def test_recall_reaches_85_percent_of_the_best_and_3_times_popularity_unless_targets_are_shuffled() -> None:
    from gru4rec.baselines import Popularity
    from gru4rec.config.options import Config
    from gru4rec.data.dataset import Dataset
    from gru4rec.data.sessions import Sessions
    from gru4rec.data.vocabulary import Vocabulary
    from gru4rec.evaluation.evaluate import evaluate
    from gru4rec.training.fit import FitOptions, fit
    from warehouse.sources.shop.process import Shop

    shop = Shop(n_items=1000, seed=1)
    ids = shop.item_ids[np.concatenate([np.arange(1000), shop.draw(12_000, 0, 1)[0]])]
    vocabulary = Vocabulary.build(ids)
    train, test = drawn(shop, vocabulary, 12_000, 1), drawn(shop, vocabulary, 1_500, 2)
    best = shop.best_recall(20, day=0)

    def recall(sessions: Sessions) -> float:
        model = fit(
            Dataset(sessions, vocabulary), Config().override(SETTINGS), FitOptions(device="cpu", threads=1)
        ).model
        return evaluate(model, Dataset(test, vocabulary), bootstrap=0).metrics["recall@20"]

    popularity = evaluate(Popularity.fit(train, vocabulary), Dataset(test, vocabulary), bootstrap=0).metrics[
        "recall@20"
    ]
    learnt = recall(train)
    noise = np.random.default_rng(0).permutation(train.items)
    shuffled = recall(Sessions(noise, train.offsets))
    print(f"recall@20: model {learnt:.4f}, best {best:.4f}, popularity {popularity:.4f}, shuffled {shuffled:.4f}")
    assert learnt >= 0.85 * best
    assert learnt >= 3 * popularity
    assert shuffled < 0.5 * best
    assert shuffled < 1.5 * popularity
