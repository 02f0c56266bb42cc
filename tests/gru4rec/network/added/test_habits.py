"""What a session's own past says of its next event: how it is counted, added, chosen and kept."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from gru4rec.config.options import Config, ModelConfig
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.added.habits import Habits, rates
from gru4rec.network.merging import members_of
from gru4rec.network.model import GRU4Rec
from gru4rec.scoring.scorer import Block
from gru4rec.storage import checkpoint
from gru4rec.training.fit import FitOptions, fit
from gru4rec.training.held_out import proof
from tests.gru4rec.network.added.test_raises import scores_of
from tests.gru4rec.training.held_out.test_added import nothing


def test_rates_are_what_all_sessions_do() -> None:
    found = rates(Sessions.from_lists([[0, 0, 1, 0], [2, 3], [4, 4, 4]]))
    new, again, back = found.double()
    assert new.tolist() == pytest.approx([2.5 / 6, 1.5 / 6, 0.5 / 6, 1.5 / 6])  # 0 -> 0, 1 -> 0, 2 -> 3, 4 -> 4
    assert again.tolist() == pytest.approx([1.5 / 4, 0.5 / 4, 0.5 / 4, 1.5 / 4])  # 0 -> 1, 4 -> 4
    assert back.tolist() == pytest.approx([0.25] * 4)


def test_who_repeats_is_expected_to_repeat() -> None:
    """By hand: a session that repeated two new items of three is at its fourth."""
    model = GRU4Rec(ModelConfig(hidden_size=5, repeats=True), Vocabulary.build(np.arange(9)), dtype=torch.float64)
    model.initialise(3)
    sessions = Sessions.from_lists([[0, 0, 1, 2, 2, 3, 4]])
    plain = scores_of(model, sessions)
    share = torch.tensor([[0.2, 0.05, 0.05, 0.7], [0.4, 0.1, 0.1, 0.4], [0.3, 0.2, 0.1, 0.4]])
    model.habits = Habits(share, torch.tensor([1.5, 0.5, 0.25])).to(model.output)
    found = scores_of(model, sessions)[5] - plain[5]  # after 0 0 1 2 2 3
    just = 1.5 * math.log((2 + 2 * 0.2) / (3 + 2) / 0.2)
    before, earlier = (weight * math.log(2 * 0.05 / (3 + 2) / 0.05) for weight in (0.5, 0.25))
    assert found.tolist() == pytest.approx([earlier, earlier, before, just, 0, 0, 0, 0, 0], abs=1e-6)
    assert scores_of(model, sessions)[0].tolist() == plain[0].tolist()  # nothing is known yet


def log(repeating: float, other: float, seed: int = 0) -> tuple[Block, Sessions]:
    """Scores of a model that knows a little, of sessions that repeat new items so often, every other one otherwise."""
    rng = np.random.default_rng(seed)
    lists = []
    for number in range(200):
        session = [int(rng.integers(0, 50))]
        while len(session) < 7:
            again = rng.random() < (other if number % 2 else repeating) and session[-2:-1] != session[-1:]
            session.append(session[-1] if again else int(rng.integers(0, 50)))
        lists.append(session)
    sessions = Sessions.from_lists(lists)
    events = np.flatnonzero(np.arange(1400) % 7 < 6)
    scores = torch.from_numpy(rng.normal(size=(len(events), 50))).float()
    scores[torch.arange(len(events)), torch.from_numpy(sessions.items[events + 1])] += 1.5
    return Block(events, scores), sessions


def test_habits_count_where_sessions_have_some() -> None:
    block, sessions = log(0.9, 0.02)
    found = proof.choose([block], sessions, rates(sessions), nothing(50))
    assert found.habits[0] > 0
    assert not found.times(0.6).habits.equal(
        found.spread(0.6).habits
    )  # what all members know less of alone does not count
    for seed in range(2):
        block, sessions = log(0.3, 0.3, seed)
        assert not proof.choose([block], sessions, rates(sessions), nothing(50)).habits.any()


@pytest.mark.parametrize("members", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_habits_that_prove_themselves_are_kept_with_the_model(tmp_path: Path, members: int) -> None:
    rng = np.random.default_rng(7)
    single = [rng.integers(0, 200, 8).tolist() for _ in range(1500)]
    double = [np.repeat(rng.integers(0, 200, 4), 2).tolist() for _ in range(1500)]
    train = Sessions.from_lists([(single + double)[number] for number in rng.permutation(3000)])
    dataset = Dataset(train, Vocabulary.build(train.items))
    small = {"hidden_size": 2, "batch_size": 50, "epochs": 1, "n_sample": 8}
    config = Config().override({**small, "members": members, "repeats": True})
    model = fit(dataset, config, FitOptions(checkpoint_dir=tmp_path)).model
    assert model.habits is not None
    assert model.habits.weights[0] > 0
    assert torch.equal(model.habits.rates, rates(train))
    loaded = checkpoint.load(tmp_path).model
    assert loaded.habits is not None
    assert all(torch.equal(a, b) for a, b in zip(loaded.habits, model.habits, strict=True))
    if members == 2:
        assert all(member.habits is None for member in members_of(model))
    warm = fit(dataset, config.override({"repeats": False}), FitOptions(warm_start=model)).model
    assert warm.habits is None
