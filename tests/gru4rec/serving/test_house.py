"""Rules of the shop against a slow loop, list by list and place by place, and what they promise of every list."""

from collections import Counter
from collections.abc import Sequence
from math import floor
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from gru4rec.config.options import Config
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.serving.house import choosing
from gru4rec.serving.house.choosing import choose
from gru4rec.serving.house.rules import Cap, HouseRules, kept_for_new
from gru4rec.serving.lists import Lists
from gru4rec.serving.stream import StreamConfig, stream

UNIT = np.array([[1, 0], [0.5, 0.5], [0, 1], [-1, 0], [0, -1], [-0.5, 0.5]], np.float32)  # products are exact


def pools(users: int, candidates: int, items: int, seed: int, short: bool = False) -> Lists:
    """Random candidates in order of whole scores; under `short` some places at the end are empty."""
    rng = np.random.default_rng(seed)
    index = rng.random((users, items), np.float32).argsort(1)[:, :candidates].astype(np.int64)
    scores = -np.sort(-rng.integers(0, 50, index.shape), axis=1).astype(np.float32)
    if short:
        scores[np.arange(candidates) >= rng.integers(0, candidates + 1, users)[:, None]] = -np.inf
    return Lists(index, scores, rng.random(index.shape, np.float32), rng.integers(0, 9, users))


def rules_of(items: int, seed: int, caps: Sequence[tuple[int, int]] = (), **numbers: float) -> HouseRules:
    """Rules about random traits; caps: most and first of each, over categories of its own."""
    rng = np.random.default_rng(seed)
    new, directions = rng.random(items) < 0.3, UNIT[rng.integers(6, size=items)]
    made = tuple(Cap(rng.integers(-1, 4, items), most, first) for most, first in caps)
    return HouseRules(caps=made, new=new, directions=directions, **numbers)  # type: ignore[arg-type]


def by_hand(items: list[int], scores: list[float], n: int, rules: HouseRules) -> list[int]:
    """The places in its pool of one list's items."""
    assert rules.new is not None
    assert rules.directions is not None
    left = [place for place, score in enumerate(scores) if score > -np.inf]
    reach = (max(scores) - min(scores[place] for place in left) or 1) if left else 1
    weight, chosen = np.float32(rules.diversity), list[int]()

    def worth(place: int) -> tuple[np.float32, int]:
        if not rules.diversity:
            return np.float32(0), -place
        scaled = np.float32(scores[place] - min(scores[p] for p in real)) / np.float32(reach)
        near = [rules.directions[items[place]] @ rules.directions[items[other]] for other in chosen]
        return (1 - weight) * scaled - weight * np.float32(max(near, default=-1)), -place

    real = list(left)
    while left and len(chosen) < n:
        wanted = left
        for category, most in [(cap.category, cap.most) for cap in rules.caps if len(chosen) < cap.first]:
            taken = Counter(category[items[place]] for place in chosen)
            wanted = [p for p in wanted if category[items[p]] < 0 or taken[category[items[p]]] < most] or wanted
        if sum(rules.new[items[p]] for p in chosen) < floor(rules.share * (len(chosen) + 1) + 1e-9):
            wanted = [p for p in wanted if rules.new[items[p]]] or wanted
        best = max(wanted, key=worth)
        chosen.append(best)
        left.remove(best)
    return chosen


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 12), st.integers(1, 30), st.integers(0, 10**6),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 15)), max_size=3),
    st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans(),
)  # fmt: skip
def test_lists_are_those_of_a_slow_loop(
    n: int,
    candidates: int,
    seed: int,
    caps: list[tuple[int, int]],
    share: float,
    diversity: float,
    short: bool,
) -> None:
    pool = pools(5, candidates, 40, seed, short)
    rules = rules_of(40, seed, caps, share=share, diversity=diversity)
    found = choose(pool, n, rules)
    assert found.items.shape == (5, min(n, candidates))
    for user in range(5):
        places = by_hand(pool.items[user].tolist(), pool.scores[user].tolist(), n, rules)
        there = found.scores[user] > -np.inf
        assert there.tolist() == [True] * len(places) + [False] * (min(n, candidates) - len(places))
        for column, of_pool in zip(found[:3], pool[:3], strict=True):
            assert column[user][there].tolist() == of_pool[user][places].tolist()
        assert len(places) == min(n, int((pool.scores[user] > -np.inf).sum())), "as many as the pool allows"
        assert len(set(found.items[user][there].tolist())) == len(places)
    assert found.context_length is pool.context_length


def promised(pool: Lists, found: Lists, n: int, rules: HouseRules) -> None:
    """N different items in every list, the first cap wherever the pool allows it, and without caps the share likewise.

    Of two caps the second holds but where no candidate with room in both was left: more lists keep it than break it.
    """
    assert found.items.shape == (len(pool.items), n)
    assert np.isfinite(found.scores).all()
    in_order = np.sort(found.items, axis=1)
    assert (in_order[:, 1:] != in_order[:, :-1]).all()
    assert rules.new is not None
    kept = [np.ones(len(pool.items), bool)]
    for number, cap in enumerate(rules.caps):
        first = min(cap.first, n)
        able = np.zeros(len(pool.items), np.int64)
        most = np.zeros(len(pool.items), np.int64)
        for category in range(-1, 4):
            count = (cap.category[pool.items] == category).sum(1)
            able += count if category < 0 else np.minimum(count, cap.most)
            if category >= 0:
                most = np.maximum(most, (cap.category[found.items[:, :first]] == category).sum(1))
        assert (able >= first).any()
        kept.append(most <= cap.most)
        assert kept[1][able >= first].all() if number == 0 else kept[-1].mean() > 0.95
    if rules.share and not rules.caps:
        enough = rules.new[pool.items].sum(1) >= kept_for_new(rules.share, n)
        assert enough.any()
        depth = np.cumsum(rules.new[found.items[enough]], axis=1)
        assert (depth >= kept_for_new(rules.share, np.arange(1, n + 1))).all()


@pytest.mark.parametrize(
    "numbers",
    [
        {"caps": [(2, 8)]},
        {"caps": [(2, 8), (3, 9)]},
        {"caps": [(1, 4)], "share": 0.3},
        {"share": 0.25},
        {"share": 0.2, "diversity": 0.5},
    ],
)
@pytest.mark.parametrize(
    "users", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)], ids=["100,000", "a million"]
)
def test_many_lists_keep_what_is_promised(numbers: dict[str, Any], users: int) -> None:
    rules = rules_of(60, 1, **numbers)
    for begin in range(0, users, 50_000):
        pool = pools(50_000, 40, 60, begin)
        promised(pool, choose(pool, 10, rules), 10, rules)


def test_users_chosen_in_parts_are_chosen_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = pools(200, 30, 40, 3)
    rules = rules_of(40, 3, [(1, 5), (2, 6)], share=0.2, diversity=0.5)
    whole = choose(pool, 8, rules)
    monkeypatch.setattr(choosing, "NUMBERS", 100)
    assert np.array_equal(choose(pool, 8, rules).items, whole.items)


@pytest.fixture(scope="module")
def model() -> GRU4Rec:
    ids = pa.array([f"i{number:02}" for number in range(60)])
    made = GRU4Rec(Config().override({"hidden_size": 6}).model, Vocabulary(ids, np.arange(1, 61)))
    made.initialise(4)
    return made


def lists(model: GRU4Rec, house: HouseRules | None, n: int = 10, explain: bool = False) -> pa.Table:
    rows = [(user, f"i{(user * 7 + step) % 60:02}") for user in range(40) for step in range(3)] + [(99, "unknown")]
    users, items = zip(*rows, strict=True)
    contexts = [pa.record_batch({"user_id": pa.array(users), "item_id": pa.array(items)})]
    return pa.Table.from_batches(stream(model, contexts, StreamConfig(n, explain=explain, house=house)))


def traits(model: GRU4Rec) -> pa.Table:
    """Of all items but the last, and of one that the model does not know."""
    ids = [*model.vocabulary.ids.to_pylist()[:-1], "stranger"]
    names = [None if number % 10 == 9 else f"kind {number % 3}" for number in range(60)]
    return pa.table({"item_id": ids, "category": names, "new": [number % 4 == 0 for number in range(60)]})


def test_without_a_rule_the_stream_gives_the_very_same_lists(model: GRU4Rec) -> None:
    plain = lists(model, None)
    assert lists(model, HouseRules.of(model, traits(model))).equals(plain)
    assert plain.num_rows == 41 * 10


def test_the_stream_chooses_from_the_models_longer_lists(model: GRU4Rec) -> None:
    house = HouseRules.of(model, traits(model), {"category": (1, 3)}, pool=3, share=0.5, diversity=0.3)
    found, pool = lists(model, house, explain=True), lists(model, None, 30)
    known = {row["item_id"]: row for row in traits(model).to_pylist()}
    columns = ("score", "probability", "model", "context_length")
    for user in [*range(40), 99]:
        own = [row for row in found.to_pylist() if row["user_id"] == user]
        of_pool = {row["item_id"]: row for row in pool.to_pylist() if row["user_id"] == user}
        assert [row["rank"] for row in own] == list(range(1, 11))
        assert len({row["item_id"] for row in own}) == 10
        assert all(row[name] == of_pool[row["item_id"]][name] for row in own for name in columns)
        kinds = [known.get(row["item_id"], {}).get("category") for row in own[:3]]
        assert len(set(kinds) - {None}) == len([kind for kind in kinds if kind])
        assert sum(known.get(row["item_id"], {}).get("new", False) for row in own) >= 5


def test_traits_become_arrays_by_item(model: GRU4Rec) -> None:
    house = HouseRules.of(model, traits(model), {"category": (2, 7)}, diversity=0.5)
    [cap] = house.caps
    assert (cap.most, cap.first) == (2, 7)
    assert house.new is not None
    assert house.directions is not None
    assert np.flatnonzero(cap.category < 0).tolist() == [9, 19, 29, 39, 49, 59]
    assert len({cap.category[number] for number in (0, 3, 6)}) == 1
    assert len(set(cap.category.tolist())) == 4
    assert np.flatnonzero(house.new).tolist() == list(range(0, 60, 4))
    assert np.allclose(np.linalg.norm(house.directions, axis=1), 1)


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({"pool": 0}, "pool must be at least 1, got 0"),
        ({"share": 1.5}, "share must be between 0 and 1, got 1.5"),
        ({"diversity": float("nan")}, "diversity must be between 0 and 1"),
        ({"share": 0.5}, "share is 0.5, but new is not given"),
        ({"diversity": 0.5}, "diversity is 0.5, but directions is not given"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(numbers: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        HouseRules(**numbers)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="most and first of a cap must be at least 1, got 0 and 10"):
        Cap(np.zeros(1, np.int64), most=0)
