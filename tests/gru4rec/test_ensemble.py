"""Several models as one, and what a session has seen already."""

import numpy as np
import pytest
import torch

from gru4rec import checkpoint, repeats
from gru4rec.config import Config, ConfigError, ModelConfig
from gru4rec.ensemble import hold_out, merge, split, with_repeats
from gru4rec.model import GRU4Rec
from gru4rec.ranking import ranks
from gru4rec.sessions import Sessions
from gru4rec.train import fit
from gru4rec.vocabulary import Vocabulary

SMALL = {"hidden_size": 6, "batch_size": 30, "epochs": 2, "n_sample": 8}


def trained(skip: bool, layers: int, seed: int) -> GRU4Rec:
    """A model with random weights everywhere, biases too."""
    vocabulary = Vocabulary.build(np.arange(9))
    model = GRU4Rec(ModelConfig(hidden_size=5, num_layers=layers, skip=skip), vocabulary, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    for value in model.tensors().values():
        value.copy_(torch.randn(value.shape, generator=generator, dtype=torch.float64) * 0.5)
    return model


def all_scores(model: GRU4Rec, sessions: Sessions) -> torch.Tensor:
    """Scores [P, I] in the order of the events."""
    found = [(block.events, block.scores.clone()) for block in model.blocks(sessions)]
    order = np.argsort(np.concatenate([events for events, _ in found]))
    return torch.cat([scores for _, scores in found])[torch.from_numpy(order)]


SESSIONS = Sessions.from_lists([[0, 3, 3, 8, 1], [2, 2], [5, 6, 7, 5, 6, 5]])


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_merged_scores_are_the_sum_and_split_undoes_it(skip: bool, layers: int) -> None:
    members = [trained(skip, layers, seed) for seed in (1, 2)]
    merged = merge(members)
    expected = sum(all_scores(member, SESSIONS) for member in members)
    torch.testing.assert_close(all_scores(merged, SESSIONS), expected, rtol=0, atol=1e-12)
    for part, member in zip(split(merged, 2), members, strict=True):
        for name, value in part.tensors().items():
            if name != "output.bias":
                assert torch.equal(value, member.tensors()[name])


def test_weights_of_seen_items_are_added_once() -> None:
    model = trained(False, 1, 3)
    plain = all_scores(model, SESSIONS)
    added = all_scores(with_repeats(model, torch.tensor([10.0, 1.0])), SESSIONS) - plain
    expected = torch.zeros_like(plain)
    just_seen = [0, 3, 3, 8, 2, 5, 6, 7, 5, 6]
    before = [[], [0], [0], [0, 3], [], [], [5], [5, 6], [6, 7], [5, 7]]
    for row, (now, earlier) in enumerate(zip(just_seen, before, strict=True)):
        expected[row, now] = 10.0
        expected[row, earlier] = 1.0
    torch.testing.assert_close(added, expected)


def test_weights_are_found_that_put_repeats_where_they_belong() -> None:
    rng = np.random.default_rng(0)
    sessions = Sessions.from_lists([[a, b, a] for a, b in (rng.choice(50, 2, replace=False) for _ in range(200))])
    events = np.flatnonzero(np.arange(600) % 3 == 1)  # after two items, the first one comes again
    scores = torch.from_numpy(rng.normal(size=(200, 50))).float()
    scores[torch.arange(200), torch.from_numpy(sessions.items[events])] += 3  # what was just seen looks likely
    just_seen, before = repeats.choose(scores, sessions, events).tolist()
    assert just_seen < 0 < before
    begins = sessions.offsets[:-1]
    repeats.add(scores, sessions.items, begins, events, torch.tensor([just_seen, before]))
    assert (scores.argmax(1).numpy() == sessions.items[events + 1]).mean() > 0.9


def test_the_last_sessions_are_held_out() -> None:
    sessions = Sessions.from_lists([[n, n + 1] for n in range(100)])
    most, last = hold_out(sessions)
    assert (len(most), len(last)) == (95, 5)
    assert last.items[0] == 95


def test_a_handful_of_sessions_is_trained_on_and_changes_no_weights() -> None:
    train = Sessions.from_lists([[0, 1, 0], [1, 2]])
    config = Config().override({**SMALL, "batch_size": 1, "members": 2, "repeats": True})
    result = fit(train, Vocabulary.build(train.items), config)
    assert result.model.repeat is not None
    assert result.model.repeat.tolist() == [0.0, 0.0]


def test_fit_with_members_learns_saves_and_resumes(tmp_path) -> None:
    rng = np.random.default_rng(1)
    starts = rng.integers(0, 12, 2400)
    train = Sessions.from_lists([[int(s), int(s + 1) % 12, int(s), int(s + 1) % 12] for s in starts])
    vocabulary = Vocabulary.build(train.items)
    config = Config().override({**SMALL, "members": 2, "repeats": True})
    seen = []
    result = fit(train, vocabulary, config, checkpoint_dir=tmp_path, on_epoch=seen.append)
    assert [report.epoch for report in seen] == [1, 2, 3, 4] == [report.epoch for report in result.history]
    assert result.model.config.hidden_size == 12
    assert result.model.repeat is not None
    assert result.model.repeat[1] > result.model.repeat[0]  # two back always comes again, the last item never does
    loaded = checkpoint.load(tmp_path).model
    assert (ranks(loaded, train) == ranks(result.model, train)).all()
    again = fit(train, vocabulary, config, checkpoint_dir=tmp_path, resume=True)
    for name, value in again.model.tensors().items():
        assert torch.equal(value, result.model.tensors()[name]), name
    warm = fit(train, vocabulary, config.override({"learning_rate": 1e-6}), warm_start=result.model)
    difference = warm.model.output_matrix() - result.model.output_matrix()
    assert float(difference.abs().max()) < 1e-3


def test_members_need_a_shared_embedding_and_no_features() -> None:
    with pytest.raises(ConfigError, match="members=2 needs embedding=shared"):
        Config().override({"members": 2, "embedding": "separate"})
    for change in ({"members": 2}, {"skip": True}):
        with pytest.raises(ConfigError, match="is single"):
            Config().override({"selected_features": ["genre"], **change})
