"""The faults found in other implementations of GRU4Rec (arXiv 2307.14956 and readings of ports), one test each."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gru4rec.config.options import LOSSES, Config
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.evaluate import evaluate
from gru4rec.evaluation.ranking import ranks
from gru4rec.network.model import GRU4Rec
from gru4rec.storage import checkpoint
from gru4rec.training.fit import fit
from gru4rec.training.update.losses import bpr_max, cross_entropy
from gru4rec.training.update.step import Step
from gru4rec.training.windows.loader import WindowLoader
from gru4rec.training.windows.schedule import build_schedule

TINY = {"hidden_size": 4, "batch_size": 2, "n_sample": 3, "epochs": 1}


def model_of(n_items: int = 5, **changes: object) -> GRU4Rec:
    model = GRU4Rec(Config().override({**TINY, **changes}).model, Vocabulary.build(np.arange(n_items)))
    model.initialise(3)
    return model


def states_after_each_step(lists: list[list[int]], lanes: int) -> list[list[float]]:
    """Sum of each lane's state after every update, with a learning rate too small to matter."""
    config = Config().override({**TINY, "batch_size": lanes, "learning_rate": 1e-12, "optimizer": "sgd"})
    model = model_of(batch_size=lanes)
    sessions = Sessions.from_lists(lists)
    loader = WindowLoader(sessions, model, config, torch.Generator().manual_seed(1))
    step = Step(model, config)
    seen = []
    for windows, _ in loader.chunks(build_schedule(sessions, lanes)):
        for window in windows:
            step.run(window)
            seen.append(step.states[0].sum(1).tolist())
    return seen


def test_state_is_reset_where_a_session_ends_and_not_a_step_late() -> None:
    first, second, third = states_after_each_step([[0, 1, 2], [3, 4]], 1)
    assert third == pytest.approx(states_after_each_step([[3, 4]], 1)[0], abs=1e-7)
    assert second != pytest.approx(states_after_each_step([[1, 2]], 1)[0], abs=1e-4)
    assert first == pytest.approx(states_after_each_step([[0, 1]], 1)[0], abs=1e-7)


def test_state_is_not_reset_where_nothing_ended() -> None:
    """The other lane's session ends after one step; the long one goes on as if it were alone."""
    together = states_after_each_step([[0, 1, 2, 3], [4, 1], [2, 0]], 2)
    alone = states_after_each_step([[0, 1, 2, 3]], 1)
    assert [row[0] for row in together] == pytest.approx([row[0] for row in alone], abs=1e-7)


def test_softmax_is_applied_once() -> None:
    """Cross-entropy of even scores over C candidates is log C; a second softmax would never let it near 0."""
    even, sharp = torch.zeros(1, 4), torch.tensor([[40.0, 0.0, 0.0, 0.0]])
    target, weight, target_weight = torch.tensor([0]), torch.ones(4), torch.ones(1)
    assert cross_entropy(even, target, weight, target_weight)[0].item() == pytest.approx(np.log(4), rel=1e-6)
    assert cross_entropy(sharp, target, weight, target_weight)[0].item() == pytest.approx(0.0, abs=1e-6)


def test_only_targets_and_samples_are_scored() -> None:
    """Sampling after scoring the whole catalogue saves nothing: an update has far fewer candidates than items."""
    sessions = Sessions.from_lists([[1, 2], [3, 4]])
    config = Config().override({**TINY, "n_sample": 5})
    loader = WindowLoader(sessions, model_of(1000), config, torch.Generator())
    ((windows, _),) = loader.chunks(build_schedule(sessions, 2))
    assert len(windows[0].items.weight) <= 2 + 5


def test_the_tail_is_trained_on_when_sessions_run_out() -> None:
    """One long session behind many short ones: its item pairs are learnt although its lane runs alone at the end."""
    lists = [[0, 1]] * 3 + [[2, 3, 4, 2, 3, 4, 2, 3, 4, 2, 3, 4]]
    config = Config().override({**TINY, "n_sample": 10, "epochs": 20, "learning_rate": 0.3})
    model = fit(Sessions.from_lists(lists), Vocabulary.build([0, 1, 2, 3, 4]), config).model
    assert ranks(model, Sessions.from_lists([[2, 3, 4]])).tolist() == [1, 1]


def test_a_partial_last_batch_is_trained_on() -> None:
    config = Config().override({**TINY, "batch_size": 4})
    seen = fit(Sessions.from_lists([[0, 1]] * 5), Vocabulary.build([0, 1]), config).history[0]
    assert seen.events_per_second * seen.seconds == pytest.approx(5)


def test_dropout_acts_on_every_layer_with_its_drop_probability() -> None:
    sessions = Sessions.from_lists([[0, 1]] * 4000)
    changes = {"num_layers": 3, "dropout_hidden": 0.2, "dropout_embedding": 0.4, "batch_size": 100}
    config = Config().override({**TINY, **changes})
    loader = WindowLoader(sessions, model_of(**changes), config, torch.Generator().manual_seed(1))
    ((windows, _),) = loader.chunks(build_schedule(sessions, 100))
    hidden = torch.stack([window.hidden_masks for window in windows])  # [S, layers, k, B, H]
    embedding = torch.stack([window.embedding_mask for window in windows])
    for layer in range(3):
        assert (hidden[:, layer] == 0).float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert (embedding == 0).float().mean().item() == pytest.approx(0.4, abs=0.02)
    assert hidden.mean().item() == pytest.approx(1.0, abs=0.02)
    assert embedding.unique().tolist() == pytest.approx([0.0, 1 / 0.6])


def test_metrics_are_means_over_events_not_over_batches() -> None:
    """Five sessions of one prediction and one of five: a mean of batch or session means would weigh them otherwise."""
    model = model_of()
    sessions = Sessions.from_lists([[0, 1]] * 5 + [[2, 3, 4, 1, 0, 2]])
    found = ranks(model, sessions)
    figures = evaluate(model, sessions, np.ones(5), ks=(2,), bootstrap=10).metrics
    assert len(found) == 10
    assert figures["recall@2"] == pytest.approx((found <= 2).mean())


def test_state_is_reset_between_sessions_in_evaluation() -> None:
    model = model_of()
    alone = [ranks(model, Sessions.from_lists([s])).tolist() for s in ([0, 1, 2], [3, 4, 0])]
    together = ranks(model, Sessions.from_lists([[0, 1, 2], [3, 4, 0]])).tolist()
    assert together == alone[0] + alone[1]


def test_unknown_test_items_are_dropped_and_counted() -> None:
    import pyarrow as pa

    events = pa.table({"session_id": [1, 1, 1], "item_id": [0, 77, 2], "timestamp": [0, 1, 2]})
    sessions = Sessions.from_table(events, Vocabulary.build(np.arange(5)))
    assert sessions.items.tolist() == [0, 2]
    assert sessions.unknown == 1


def test_bpr_max_takes_no_logarithm_of_zero() -> None:
    scores = torch.tensor([[-200.0, 200.0]])
    loss, gradient = bpr_max(scores, torch.tensor([0]), torch.ones(2), torch.ones(1), bpreg=0.0, elu=0.0)
    assert loss.item() == pytest.approx(-np.log(1e-24), rel=1e-5)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n_sample", [0, 3])
def test_one_session_fewer_than_lanes_trains(loss: str, n_sample: int) -> None:
    config = Config().override({**TINY, "batch_size": 3, "loss": loss, "n_sample": n_sample})
    result = fit(Sessions.from_lists([[0, 1, 2], [2, 1]]), Vocabulary.build([0, 1, 2]), config)
    assert np.isfinite(result.history[0].loss)
    assert torch.isfinite(result.model.output).all()


def test_two_layers_with_one_hot_input_train_and_score() -> None:
    config = Config().override({**TINY, "embedding": "one-hot", "num_layers": 2})
    model = fit(Sessions.from_lists([[0, 1, 2], [2, 1]]), Vocabulary.build([0, 1, 2]), config).model
    assert next(model.blocks(Sessions.from_lists([[0, 1]]))).scores.shape == (1, 3)


def test_the_median_tie_rule_counts_half_of_the_equal_ones() -> None:
    model = model_of()
    model.output.zero_()
    found = ranks(model, Sessions.from_lists([[0, 1]]), tie_rule="median")
    assert found.tolist() == [3.0]


def test_a_saved_model_holds_no_events_and_no_pickle(tmp_path: Path) -> None:
    """Ten times the events, the same file size to the kilobyte; and nothing in it that pickle would open."""
    sizes = []
    for times in (1, 10):
        sessions = Sessions.from_lists([[0, 1, 2], [2, 1]] * times)
        config = Config().override(TINY)
        folder = tmp_path / str(times)
        model = fit(sessions, Vocabulary.build([0, 1, 2]), config).model
        checkpoint.save(folder, model, config, model.vocabulary, {})
        files = sorted(folder.iterdir())
        assert {file.suffix for file in files} == {".json", ".parquet", ".safetensors"}
        assert not any(file.read_bytes()[:1] == b"\x80" or file.read_bytes()[:2] == b"PK" for file in files)
        sizes.append(sum(file.stat().st_size for file in files))
    assert abs(sizes[1] - sizes[0]) < 100
