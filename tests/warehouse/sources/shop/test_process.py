"""The synthetic shop: same seed, same bytes; its best recall is what the exact filter gives and nobody passes it."""

from itertools import pairwise

import numpy as np
import pytest

from warehouse.sources.shop.process import FIRST, JUMP, SECOND, STAY, Shop


def brute_force(shop, prefix, day=0):
    """P(next item | prefix) by summing over every path of hidden groups."""
    first, second = shop.successors(day)
    groups, items = range(shop.n_groups), range(shop.n_items)
    emit = [
        [shop.stray * shop.marginal[i] + (1 - shop.stray) * shop.within[i] * (shop.home[i] == g) for i in items]
        for g in groups
    ]
    move = [
        [
            FIRST * (first[a] == b) + SECOND * (second[a] == b) + STAY * (a == b) + JUMP * shop.group_popularity[b]
            for b in groups
        ]
        for a in groups
    ]
    paths = {(g,): shop.group_popularity[g] * emit[g][prefix[0]] for g in groups}
    for before, item in pairwise(prefix):
        paths = {
            (*path, g): weight * move[path[-1]][g] * emit[g][item] / (1 - emit[g][before])
            for path, weight in paths.items()
            for g in groups
        }
    total = sum(paths.values())
    chances = np.zeros(shop.n_items)
    for path, weight in paths.items():
        for g in groups:
            chances += weight / total * move[path[-1]][g] * np.array(emit[g]) / (1 - emit[g][prefix[-1]])
    chances[prefix[-1]] = 0
    return chances


def test_the_filter_is_exact():
    shop = Shop(n_items=60, stray=0.2, seed=3)
    items = np.array([4, 17, 4, 30, 9])
    lengths = np.array([5])
    for step, (rows, best) in enumerate(shop.filtered(items, lengths, k=5, day=0)):
        chances = brute_force(shop, list(items[: step + 1]))
        assert chances.sum() == pytest.approx(1)
        assert rows.tolist() == [0]
        assert best[0] == pytest.approx(np.sort(chances)[-5:].sum(), rel=1e-12)
    assert step == 3


def test_sessions_are_drawn_from_that_distribution():
    shop = Shop(n_items=60, stray=0.2, seed=3)
    items, lengths = shop.draw(40_000, seed=1)
    starts = np.cumsum(lengths) - lengths
    assert lengths.min() == 2
    assert not (items[1:] == items[:-1])[np.setdiff1d(np.arange(len(items) - 1), starts[1:] - 1)].any()
    popular = np.bincount(items[starts]).argmax()
    seen = items[starts + 1][items[starts] == popular]
    drawn = np.bincount(seen, minlength=shop.n_items) / len(seen)
    assert np.abs(drawn - brute_force(shop, [popular])).max() < 4 * np.sqrt(0.25 / len(seen))


def test_the_best_recall_is_reached_by_the_filters_own_lists():
    # The predicted share of hits against hits counted: the k items most probable by brute force, on drawn sessions.
    shop = Shop(n_items=60, stray=0.2, seed=3)
    items, lengths = shop.draw(1500, seed=2)
    starts = np.cumsum(lengths) - lengths
    lists = {first: set(np.argsort(-brute_force(shop, [first]))[:10]) for first in set(items[starts].tolist())}
    hits = np.array([items[s + 1] in lists[items[s]] for s in starts])
    _, best = next(shop.filtered(items, lengths, k=10, day=0))
    assert abs(hits.mean() - best.mean()) < 4 * hits.std() / np.sqrt(len(hits))


def test_the_shop_can_be_learned_from():
    shop = Shop()
    popularity = np.sort(shop.marginal)[::-1][:20].sum()
    best = {k: shop.best_recall(k) for k in (5, 10, 20)}
    assert best[5] < best[10] < best[20] < 0.7
    assert 0.85 * best[20] > 3 * popularity


def test_taste_drifts_only_when_asked():
    still, moving = Shop(seed=1), Shop(seed=1, drift=0.3)
    assert (still.successors(9)[0] == still.successors(0)[0]).all()
    changed = [(moving.successors(day)[0] != moving.successors(0)[0]).mean() for day in (0, 1, 5)]
    assert changed[0] == 0 < changed[1] < changed[2]
    assert sorted(moving.successors(5)[0]) == list(range(moving.n_groups))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"n_items": 5}, "n_items is 5"),
        ({"n_items": 10_000_001}, "n_items is 10000001: it must be a whole number of at most 10000000"),
        ({"days": 0}, "days is 0"),
        ({"drift": 1.5}, "drift is 1.5"),
        ({"first_day": "May"}, "'May'"),
    ],
)
def test_a_shop_that_cannot_be_is_refused(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        Shop(**wrong)


def test_the_exact_filter_says_when_the_shop_is_too_large():
    with pytest.raises(ValueError, match="ask for at most 20000 items"):
        Shop(n_items=40_000).best_recall(20)
