"""Whole histories: cutting, and scoring that goes on from the state at the cut."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from gru4rec.config.options import Config
from gru4rec.data.histories import Continued, last_events, split_at
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.evaluate import HeldOut, evaluate
from gru4rec.network.build import build_model


def histories() -> Sessions:
    """Users 0: 5 events over times 0..4; 1: all before 3; 2: all after; 3: one on each side."""
    rows = [(0, item, item) for item in range(5)]
    rows += [(1, 5, 0), (1, 6, 2), (2, 1, 3), (2, 2, 4), (2, 3, 5), (3, 7, 1), (3, 0, 3)]
    user, item, time = zip(*rows, strict=True)
    table = pa.table({"user_id": user, "item_id": item, "timestamp": time})
    return Sessions.from_table(table, Vocabulary.build(pa.array(range(8))), session=("user_id",))


def lists(sessions: Sessions) -> dict[int, list[int]]:
    users = sessions.keys["user_id"].to_pylist()
    return {
        user: sessions.items[sessions.offsets[s] : sessions.offsets[s + 1]].tolist() for s, user in enumerate(users)
    }


def test_histories_are_cut_at_a_time() -> None:
    split = split_at(histories(), 3)
    assert lists(split.train) == {0: [0, 1, 2], 1: [5, 6]}
    assert lists(split.test) == {0: [2, 3, 4], 2: [1, 2, 3], 3: [7, 0]}
    assert lists(split.earlier) == {0: [0, 1], 2: [], 3: []}


def test_only_the_last_events_remain() -> None:
    assert lists(last_events(histories(), 2)) == {0: [3, 4], 1: [5, 6], 2: [2, 3], 3: [7, 0]}
    assert lists(last_events(histories(), 100)) == lists(histories())


def test_scores_go_on_from_the_state_at_the_end_of_train() -> None:
    whole = histories()
    split = split_at(whole, 3)
    model = build_model(Config().override({"hidden_size": 6}), Vocabulary.build(pa.array(range(8))))
    model.initialise(3)
    model.output.mul_(20)
    continued = Continued(model, split.earlier)
    found = {}
    for block in continued.blocks(split.test, rows=2):
        for event, row in zip(block.events, block.scores, strict=True):
            found[int(event)] = row.clone()
    assert sorted(found) == split.test.prediction_events().tolist()
    (block,) = model.blocks(whole)
    expected = {int(event): row for event, row in zip(block.events, block.scores, strict=True)}
    user = split.test.keys["user_id"].to_pylist().index(0)
    start = int(whole.offsets[whole.keys["user_id"].to_pylist().index(0)])
    for number in range(2):  # after events 2 and 3 of user 0
        torch.testing.assert_close(found[int(split.test.offsets[user]) + number], expected[start + 2 + number])
    held_out = HeldOut(split.test, model.vocabulary)
    alone = evaluate(model, held_out, bootstrap=0)
    assert not np.array_equal(evaluate(continued, held_out, bootstrap=0).ranks, alone.ranks)


def test_sessions_that_do_not_pair_up_are_refused() -> None:
    split = split_at(histories(), 3)
    model = build_model(Config(), Vocabulary.build(pa.array(range(8))))
    with pytest.raises(ValueError, match="2 sessions cannot go on from 3 earlier ones"):
        next(Continued(model, split.earlier).blocks(split.test.select([0, 1])))
    with pytest.raises(ValueError, match="without times"):
        split_at(Sessions.from_lists([[1, 2]]), 3)
