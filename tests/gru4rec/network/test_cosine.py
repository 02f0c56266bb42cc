"""Scores by direction: cosines in every way that a model is asked, trained, merged, saved and served."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from gru4rec.config.options import Config, ModelConfig
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.ranking import ranks
from gru4rec.network.cosine import directions
from gru4rec.network.merged import Merged
from gru4rec.network.model import GRU4Rec
from gru4rec.serving.recommend import Recommender
from gru4rec.storage import checkpoint
from gru4rec.training.fit import FitOptions, fit

SMALL = {"hidden_size": 6, "batch_size": 20, "epochs": 2, "n_sample": 8}


def train_sessions() -> Sessions:
    rng = np.random.default_rng(2)
    return Sessions.from_lists([[int(s), int(s + 1) % 30, int(s + 2) % 30] for s in rng.integers(0, 30, 600)])


def test_scores_are_scaled_cosines_whatever_the_length_of_a_row() -> None:
    model = GRU4Rec(ModelConfig(hidden_size=4, cosine=5.0), Vocabulary.build(np.arange(7)), dtype=torch.float64)
    model.initialise(1)
    sessions = Sessions.from_lists([[0, 1, 2]])
    (before,) = model.blocks(sessions, last_only=True)
    scores = before.scores.clone()
    ((_, h),) = model.hidden(sessions, last_only=True)
    rows = model.item_rows()
    expected = 5 * torch.nn.functional.cosine_similarity(h, rows)
    torch.testing.assert_close(scores[0], expected)
    rows[3:] *= torch.tensor([0.01, 3.0, 100.0, 7.0], dtype=torch.float64)[:, None]  # of items that are no input here
    (after,) = model.blocks(sessions, last_only=True)
    torch.testing.assert_close(after.scores, scores)


def test_a_row_without_a_direction_scores_nothing() -> None:
    rows = torch.tensor([[0.0, 0.0, 4.0], [3.0, 4.0, 4.0]])
    found = directions(rows, [(slice(0, 2), 10.0)], scaled=True)
    torch.testing.assert_close(found, torch.tensor([[0.0, 0.0, 4.0], [6.0, 8.0, 4.0]]))
    assert rows[1].tolist() == [3.0, 4.0, 4.0]


def test_members_of_both_kinds_learn_save_resume_and_serve(tmp_path: Path) -> None:
    train = train_sessions()
    vocabulary = Vocabulary.build(train.items)
    config = Config().override(
        {**SMALL, "members": 3, "alternate": {"hidden_size": 4, "cosine": 0}, "cosine": 10, "repeats": True}
    )
    model = fit(Dataset(train, vocabulary), config, FitOptions(checkpoint_dir=tmp_path)).model
    assert model.merged == Merged((6, 4, 6), (10.0, 0.0, 10.0), model.merged.factors)
    assert model.config.cosine == 10.0
    assert (ranks(model, train) <= 2).mean() > 0.5
    loaded = checkpoint.load(tmp_path).model
    assert (ranks(loaded, train) == ranks(model, train)).all()
    again = fit(Dataset(train, vocabulary), config, FitOptions(checkpoint_dir=tmp_path, resume=True))
    for name, value in again.model.tensors().items():
        assert torch.equal(value, model.tensors()[name]), name

    asked = [[3, 4], [9]]
    served = Recommender.load(tmp_path)
    contexts = [{"user_id": user, "item_id": item} for user, items in enumerate(asked) for item in items]
    streamed = pa.Table.from_batches(served.recommend_stream([pa.RecordBatch.from_pylist(contexts)], 5))
    for user, items in enumerate(asked):
        alone, fresh = served.recommend(items, 5), Recommender(loaded).recommend(items, 5)
        assert alone.ids == fresh.ids
        assert streamed["item_id"].to_pylist()[5 * user : 5 * user + 5] == alone.ids.to_pylist()
        np.testing.assert_allclose(streamed["score"].to_numpy()[5 * user : 5 * user + 5], alone.scores, rtol=1e-4)


def test_a_warm_start_from_products_leaves_their_biases_behind() -> None:
    train = train_sessions()
    vocabulary = Vocabulary.build(train.items)
    config = Config().override({**SMALL, "members": 3, "alternate": {"hidden_size": 4}})
    older = fit(Dataset(train, vocabulary), config).model
    assert older.output_bias().any()
    one = fit(Dataset(train, vocabulary), Config().override(SMALL)).model
    for start, changes in ((one, {"members": 1}), (older, {"alternate": {"hidden_size": 4, "cosine": 5}})):
        chosen = {**SMALL, "members": 3, **changes, "cosine": 10}
        model = fit(Dataset(train, vocabulary), Config().override(chosen), FitOptions(warm_start=start)).model
        assert not model.output_bias().any()
