"""What is added to the scores of a trained model, how it is chosen, and where it is kept."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

from gru4rec.config.options import Config, ModelConfig
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.added import repeats
from gru4rec.network.added.habits import rates
from gru4rec.network.added.neighbours import Neighbours
from gru4rec.network.added.past import PLACES, Past
from gru4rec.network.merging import members_of
from gru4rec.network.model import GRU4Rec
from gru4rec.scoring.scorer import Block
from gru4rec.storage import checkpoint
from gru4rec.training.fit import FitOptions, fit
from gru4rec.training.held_out import proof
from gru4rec.training.held_out.added import neighbours, with_added

NEW, RETURNED = 1, 3  # of LASTS
SESSIONS = Sessions.from_lists([[0, 3, 3, 8, 1], [2, 2], [5, 6, 7, 5, 6, 5]])


def all_scores(model: GRU4Rec, sessions: Sessions) -> torch.Tensor:
    """Scores [P, I] in the order of the events."""
    found = [(block.events, block.scores.clone()) for block in model.blocks(sessions)]
    order = np.argsort(np.concatenate([events for events, _ in found]))
    return torch.cat([scores for _, scores in found])[torch.from_numpy(order)]


def test_what_was_seen_and_what_followed_is_added_as_told() -> None:
    """Against loops over plain lists, in float64: an item counts by the last time it was seen, and by what the last
    event was: the first, a new item, a repeated one, one from earlier on.
    """
    model = GRU4Rec(ModelConfig(hidden_size=5), Vocabulary.build(np.arange(9)), dtype=torch.float64)
    model.initialise(3)
    train = Sessions.from_lists([[0, 3, 8], [0, 3], [3, 8, 8, 1], [5, 6]])
    plain = all_scores(model, SESSIONS)
    weights = [[10.0, 0.0, 0.0], [4.0, 1.0, -2.0], [20.0, 3.0, -1.0], [0.5, 7.0, 6.0]]
    chosen = proof.Chosen(torch.tensor(weights), torch.zeros(PLACES), 3.0)
    added = all_scores(with_added(model, chosen, train), SESSIONS) - plain
    followed = np.zeros((9, 9))
    for session in ([0, 3, 8], [0, 3], [3, 8, 8, 1], [5, 6]):
        for first, second in combinations(range(len(session)), 2):
            followed[session[first], session[second]] += 1 / (second - first) ** 2
    share = followed / (followed.sum(1, keepdims=True) + 20)
    expected = []
    for session in ([0, 3, 3, 8, 1], [2, 2], [5, 6, 7, 5, 6, 5]):
        for length in range(1, len(session)):
            seen = session[:length]
            back = {item: length - 1 - place for place, item in enumerate(seen)}
            row = 3.0 * np.log1p(100 * share[seen[-1]])
            last = 0 if length == 1 else 2 if seen[-1] == seen[-2] else 3 if seen[-1] in seen[:-1] else 1
            row[list(back)] += [weights[last][min(distance, 2)] for distance in back.values()]
            expected.append(row)
    torch.testing.assert_close(added, torch.tensor(np.array(expected)), rtol=1e-6, atol=1e-6)


def test_only_the_most_frequent_followers_are_kept() -> None:
    sessions = [[0, 1 + n] for n in range(40) for _ in range(n + 1)] + [[41, 2]]
    found = neighbours(Sessions.from_lists(sessions), 42)
    assert found.items.shape == (42, 20)
    assert found.items[0].tolist() == list(range(40, 20, -1))
    assert found.items[41, 0] == 2
    assert found.bonus[41, 0] == pytest.approx(np.log1p(100 / 21))
    assert not found.bonus[41, 1:].any()
    assert not found.bonus[1:41].any()
    assert neighbours(Sessions.from_lists([[0, 1], [1, 1]]), 2).items.shape == (2, 2)


def test_weights_are_found_that_put_repeats_where_they_belong() -> None:
    rng = np.random.default_rng(0)
    sessions = Sessions.from_lists([[a, b, a] for a, b in (rng.choice(50, 2, replace=False) for _ in range(400))])
    events = np.flatnonzero(np.arange(1200) % 3 == 1)  # after two items, the first one comes again
    scores = torch.from_numpy(rng.normal(size=(400, 50))).float()
    scores[torch.arange(400), torch.from_numpy(sessions.items[events])] += 3  # what was just seen looks likely
    blocks = [Block(events[:120], scores[:120]), Block(events[120:], scores[120:])]
    found = proof.choose(blocks, sessions, rates(sessions), nothing(50))
    just_seen, one_before, _ = found.seen[NEW].tolist()
    assert just_seen < 0 < one_before
    assert found.neighbours == 0
    repeats.added(Past.of(sessions, events), found.seen).to(scores)
    assert (scores.argmax(1).numpy() == sessions.items[events + 1]).mean() > 0.85


def test_the_one_before_and_the_earlier_items_are_told_apart() -> None:
    rng = np.random.default_rng(5)
    four = (rng.choice(50, 4, replace=False) for _ in range(600))
    sessions = Sessions.from_lists([[a, b, c, b] for a, b, c, _ in four])  # the one before comes again, no earlier one
    events = np.flatnonzero(np.arange(2400) % 4 == 2)
    scores = torch.from_numpy(rng.normal(size=(600, 50))).float()
    scores[torch.arange(600), torch.from_numpy(sessions.items[events - 2])] += 3
    _, one_before, earlier = (
        proof.choose([Block(events, scores)], sessions, rates(sessions), nothing(50)).seen[NEW].tolist()
    )
    assert earlier <= 0 < one_before


def test_what_the_last_event_was_decides_where_that_proves_itself() -> None:
    rng = np.random.default_rng(8)
    there = [[a, b, c, d] for a, b, c, d in (rng.choice(50, 4, replace=False).tolist() for _ in range(500))]
    back = [[a, b, a, b] for a, b in (rng.choice(50, 2, replace=False).tolist() for _ in range(500))]
    sessions = Sessions.from_lists([session for pair in zip(there, back, strict=True) for session in pair])
    events = np.flatnonzero(np.arange(4000) % 4 == 2)  # who has gone back goes back again, the others do not
    scores = torch.from_numpy(rng.normal(size=(1000, 50))).float()
    scores[torch.arange(1000), torch.from_numpy(sessions.items[events + 1])] += 1
    found = proof.choose([Block(events, scores)], sessions, rates(sessions), nothing(50)).seen
    assert found[NEW, 1] < found[RETURNED, 1]
    assert found[RETURNED, 1] > 0
    assert Past.of(sessions, events).last.tolist() == [NEW, RETURNED] * 500


def test_neighbours_are_used_where_they_know_more_than_the_model() -> None:
    rng = np.random.default_rng(6)
    sessions = Sessions.from_lists([[int(a), int(a + 1) % 200] for a in rng.integers(0, 200, 1500)])
    near = neighbours(sessions, 200)
    events = sessions.offsets[:-1]
    scores = torch.from_numpy(rng.normal(size=(1500, 200))).float()
    scores[torch.arange(1500), torch.from_numpy(sessions.items[events + 1])] += 2  # the model knows a little
    assert proof.choose([Block(events, scores)], sessions, rates(sessions), near).neighbours > 0
    other = Sessions.from_lists(rng.integers(0, 200, (1500, 2)).tolist())
    assert proof.choose([Block(events, scores)], sessions, rates(sessions), neighbours(other, 200)).neighbours == 0


def test_weights_that_prove_nothing_stay_zero() -> None:
    rng = np.random.default_rng(4)
    sessions = Sessions.from_lists(rng.integers(0, 50, (500, 3)).tolist())  # what was seen says nothing of the next
    events = np.flatnonzero(np.arange(1500) % 3 < 2)
    scores = torch.from_numpy(rng.normal(size=(1000, 50))).float()
    for rows in (1000, 299, 99):
        found = proof.choose([Block(events[:rows], scores[:rows])], sessions, rates(sessions), neighbours(sessions, 50))
        assert not found.seen.any()
        assert rows > 100 or found.neighbours == 0


@pytest.mark.parametrize(("predictions", "weighed"), [(98, False), (200, True)])
def test_a_hundred_held_out_predictions_may_prove_a_weight(predictions: int, weighed: bool) -> None:
    rng = np.random.default_rng(5)
    first = rng.integers(0, 50, predictions // 2)
    sessions = Sessions.from_lists([[int(item)] * 3 for item in first])  # what was just seen comes again
    events = np.flatnonzero(np.arange(len(first) * 3) % 3 < 2)
    scores = torch.from_numpy(rng.normal(size=(predictions, 50))).float()
    assert bool(proof.choose([Block(events, scores)], sessions, rates(sessions), nothing(50)).seen.any()) == weighed


def nothing(items: int) -> Neighbours:
    return Neighbours.empty(items, 2, torch.zeros(0))


@pytest.mark.parametrize("members", [1, 2])
def test_neighbours_that_prove_themselves_are_kept_with_the_model(tmp_path: Path, members: int) -> None:
    rng = np.random.default_rng(7)
    after = rng.permutation(300)
    train = Sessions.from_lists([[int(a), int(after[a]), int(after[after[a]])] for a in rng.integers(0, 300, 4000)])
    dataset = Dataset(train, Vocabulary.build(train.items))
    small = {"hidden_size": 2, "batch_size": 50, "epochs": 1, "n_sample": 8}
    config = Config().override({**small, "members": members, "repeats": True})
    model = fit(dataset, config, FitOptions(checkpoint_dir=tmp_path)).model
    assert model.neighbours is not None
    assert model.neighbours.items[:, 0].tolist() == after.tolist()  # two units cannot tell 300 followers apart
    loaded = checkpoint.load(tmp_path)
    assert loaded.config == config  # what was found is no setting
    again = fit(dataset, config, FitOptions(checkpoint_dir=tmp_path, resume=True)).model
    for other in (loaded.model, again):
        assert other.tensors().keys() == model.tensors().keys()
        for name, value in model.tensors().items():
            assert torch.equal(value, other.tensors()[name]), name
    assert torch.equal(all_scores(loaded.model, SESSIONS), all_scores(model, SESSIONS))
    if members == 2:
        assert all(member.neighbours is None and member.repeat is None for member in members_of(model))
    warm = fit(dataset, config.override({"repeats": False}), FitOptions(warm_start=model)).model
    assert warm.neighbours is None
