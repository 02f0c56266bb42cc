"""Scores that go on from the state at the end of earlier events."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.data.histories import cut_at
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.evaluate import evaluate
from gru4rec.network.build import build_model
from gru4rec.scoring.continued import Continued


def histories() -> Sessions:
    """Users 0: 5 events over times 0..4; 1: all before 3; 2: all after; 3: one on each side."""
    rows = [(0, item, item) for item in range(5)]
    rows += [(1, 5, 0), (1, 6, 2), (2, 1, 3), (2, 2, 4), (2, 3, 5), (3, 7, 1), (3, 0, 3)]
    user, item, time = zip(*rows, strict=True)
    table = pa.table({"user_id": user, "item_id": item, "timestamp": time})
    return Sessions.from_table(table, Vocabulary.build(pa.array(range(8))), session=("user_id",))


def test_scores_go_on_from_the_state_at_the_end_of_train() -> None:
    whole = histories()
    cut = cut_at(whole, 3)
    model = build_model(Config().override({"hidden_size": 6}), Vocabulary.build(pa.array(range(8))))
    model.initialise(3)
    model.output.mul_(20)
    continued = Continued(model, cut.earlier)
    found = {}
    for block in continued.blocks(cut.test, rows=2):
        for event, row in zip(block.events, block.scores, strict=True):
            found[int(event)] = row.clone()
    assert sorted(found) == cut.test.prediction_events().tolist()
    (block,) = model.blocks(whole)
    expected = {int(event): row for event, row in zip(block.events, block.scores, strict=True)}
    user = cut.test.keys["user_id"].to_pylist().index(0)
    start = int(whole.offsets[whole.keys["user_id"].to_pylist().index(0)])
    for number in range(2):  # after events 2 and 3 of user 0
        torch.testing.assert_close(found[int(cut.test.offsets[user]) + number], expected[start + 2 + number])
    held_out = Dataset(cut.test, model.vocabulary)
    alone = evaluate(model, held_out, bootstrap=0)
    assert not np.array_equal(evaluate(continued, held_out, bootstrap=0).ranks, alone.ranks)


def test_sessions_that_do_not_pair_up_are_refused() -> None:
    cut = cut_at(histories(), 3)
    model = build_model(Config(), Vocabulary.build(pa.array(range(8))))
    with pytest.raises(ValueError, match="2 sessions cannot go on from 3 earlier ones"):
        next(Continued(model, cut.earlier).blocks(cut.test.select([0, 1])))
