"""fit(): what it learns, when it stops, what it leaves behind, and how it goes on."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from gru4rec.config.options import Config, ConfigError
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.ranking import ranks
from gru4rec.network.model import GRU4Rec
from gru4rec.storage import checkpoint
from gru4rec.training.fit import DivergenceError, EpochReport, FitOptions, fit
from gru4rec.training.trainer import Trainer
from tests.gru4rec.comparing import random_sessions

SMALL = {"hidden_size": 8, "batch_size": 4, "n_sample": 16, "epochs": 4}
ITEMS = 12
VOCABULARY = Vocabulary.build(np.arange(ITEMS))


def cycles(n: int) -> Sessions:
    """Sessions that walk round the items: after i comes i + 1."""
    return Sessions.from_lists([[(start + step) % ITEMS for step in range(4)] for start in range(n)])


def same(a: GRU4Rec, b: GRU4Rec) -> bool:
    return all(torch.equal(value, b.tensors()[name]) for name, value in a.tensors().items())


@pytest.mark.parametrize("loss", ["cross-entropy", "bpr-max", "top1", "top1-max", "bpr"])
def test_it_learns_what_follows_what(loss: str) -> None:
    config = Config().override({**SMALL, "loss": loss, "epochs": 15, "hidden_size": 16, "bpreg": 0.1})
    model = fit(Dataset(cycles(60), VOCABULARY), config).model
    assert (ranks(model, cycles(12)) == 1).mean() > 0.8


def test_two_fits_with_one_seed_are_the_same_to_the_bit_and_another_seed_differs() -> None:
    config = Config().override({**SMALL, "dropout_embedding": 0.2, "shuffle": True})
    first, second = (fit(Dataset(cycles(30), VOCABULARY), config).model for _ in range(2))
    assert same(first, second)
    assert not same(first, fit(Dataset(cycles(30), VOCABULARY), config.override({"seed": 7})).model)


def test_shuffling_changes_the_order_of_learning() -> None:
    config = Config().override(SMALL)
    in_time = fit(Dataset(random_sessions(30, ITEMS, 1), VOCABULARY), config).model
    assert not same(
        in_time, fit(Dataset(random_sessions(30, ITEMS, 1), VOCABULARY), config.override({"shuffle": True})).model
    )


RUNS = [
    {},
    {"optimizer": "adam", "learning_rate": 0.01, "dropout_hidden": 0.3, "embedding": "separate", "num_layers": 2},
    {"loss": "bpr-max", "momentum": 0.5, "dropout_embedding": 0.3, "shuffle": True},
    {"embedding": "one-hot", "optimizer": "sgd", "momentum": 0.2, "bptt": 3},
    {"keep": "best", "patience": 2, "validation_sample": 5},
]


@pytest.mark.parametrize("changes", RUNS)
@pytest.mark.parametrize("stop", [1, 3])
def test_a_stopped_run_goes_on_to_the_bit(tmp_path: Path, changes: dict, stop: int) -> None:
    sessions, validation = random_sessions(40, ITEMS, 1), random_sessions(20, ITEMS, 2)
    config = Config().override({**SMALL, **changes})
    whole = fit(Dataset(sessions, VOCABULARY), config, FitOptions(validation=Dataset(validation, VOCABULARY)))
    part = config.override({"epochs": stop})
    fit(
        Dataset(sessions, VOCABULARY),
        part,
        FitOptions(validation=Dataset(validation, VOCABULARY), checkpoint_dir=tmp_path),
    )
    resumed = fit(
        Dataset(sessions, VOCABULARY),
        config,
        FitOptions(validation=Dataset(validation, VOCABULARY), checkpoint_dir=tmp_path, resume=True),
    )
    assert same(whole.model, resumed.model)
    assert whole.best_epoch == resumed.best_epoch
    assert [r.loss for r in resumed.history] == [r.loss for r in whole.history]
    assert [r.validation for r in resumed.history] == [r.validation for r in whole.history]
    assert same(checkpoint.load(tmp_path).model, whole.model)


@pytest.mark.parametrize("falling", [0.0, 0.6])
def test_a_run_killed_inside_an_epoch_goes_on_from_the_epoch_before(tmp_path: Path, falling: float) -> None:
    sessions, config = random_sessions(40, ITEMS, 1), Config().override({**SMALL, "falling": falling})

    def die(report: EpochReport) -> None:
        if report.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Dataset(sessions, VOCABULARY), config, FitOptions(checkpoint_dir=tmp_path, on_epoch=die))
    resumed = fit(Dataset(sessions, VOCABULARY), config, FitOptions(checkpoint_dir=tmp_path, resume=True))
    assert same(resumed.model, fit(Dataset(sessions, VOCABULARY), config).model)


def test_patience_stops_and_best_weights_are_kept(tmp_path: Path) -> None:
    """With a huge minimal improvement no epoch after the first counts as better."""
    changes = {"epochs": 9, "patience": 2, "min_delta": 2.0, "keep": "best"}
    config = Config().override({**SMALL, **changes})
    result = fit(
        Dataset(cycles(30), VOCABULARY),
        config,
        FitOptions(validation=Dataset(cycles(5), VOCABULARY), checkpoint_dir=tmp_path),
    )
    assert [report.epoch for report in result.history] == [1, 2, 3]
    assert result.best_epoch == 1
    once = fit(
        Dataset(cycles(30), VOCABULARY),
        config.override({"epochs": 1}),
        FitOptions(validation=Dataset(cycles(5), VOCABULARY)),
    ).model
    assert same(result.model, once)
    assert same(checkpoint.load(tmp_path).model, once)


def test_the_last_weights_are_kept_unless_asked_otherwise() -> None:
    config = Config().override({**SMALL, "patience": 1, "min_delta": 2.0})
    result = fit(Dataset(cycles(30), VOCABULARY), config, FitOptions(validation=Dataset(cycles(5), VOCABULARY)))
    assert result.best_epoch == 2
    assert same(result.model, fit(Dataset(cycles(30), VOCABULARY), Config().override({**SMALL, "epochs": 2})).model)


def test_validation_reports_the_monitored_metric_over_a_fixed_sample() -> None:
    config = Config().override({**SMALL, "monitor": "ndcg@3", "validation_sample": 3, "epochs": 1})
    report = fit(
        Dataset(cycles(30), VOCABULARY), config, FitOptions(validation=Dataset(cycles(12), VOCABULARY))
    ).history[0]
    assert set(report.validation) == {"ndcg@3", "recall@20", "mrr@20"}
    assert report.validation["recall@20"] == 1.0  # of 12 items all are among the first 20


def test_early_stopping_without_validation_sessions_is_refused() -> None:
    with pytest.raises(ConfigError, match="need validation sessions"):
        fit(Dataset(cycles(3), VOCABULARY), Config().override({**SMALL, "patience": 1}))
    with pytest.raises(ValueError, match="no validation session has two known items"):
        fit(
            Dataset(cycles(3), VOCABULARY),
            Config().override(SMALL),
            FitOptions(validation=Dataset(Sessions.from_lists([[1]]), VOCABULARY)),
        )


@pytest.mark.parametrize(
    "changes",
    [{"learning_rate": 1e6, "optimizer": "sgd"}, {"loss": "bpr-max", "elu": 0.0, "learning_rate": 30.0}],
)
def test_divergence_stops_with_a_sentence_and_leaves_the_last_good_checkpoint(tmp_path: Path, changes: dict) -> None:
    good = Config().override(SMALL)
    before = fit(Dataset(cycles(30), VOCABULARY), good, FitOptions(checkpoint_dir=tmp_path)).model
    bad = good.override({**changes, "epochs": 30})
    with pytest.raises(DivergenceError, match=r"at step \d+ of epoch \d+ with learning_rate .*: try a lower"):
        fit(Dataset(random_sessions(200, ITEMS, 1), VOCABULARY), bad, FitOptions(checkpoint_dir=tmp_path))
    kept = checkpoint.load(tmp_path)
    assert all(torch.isfinite(value).all() for value in kept.model.tensors().values())
    assert same(kept.model, before) or kept.extra["epoch"] >= 1


def test_a_folder_that_cannot_be_written_is_refused_before_an_epoch_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "epoch", lambda *_: pytest.fail("an epoch was made"))
    (tmp_path / "file").write_text("not a folder")
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/model")):
        with pytest.raises(OSError, match=r"\[Errno"):
            fit(Dataset(cycles(5), VOCABULARY), Config().override(SMALL), FitOptions(checkpoint_dir=place))


def test_one_item_trains() -> None:
    result = fit(Dataset(Sessions.from_lists([[0, 0, 0], [0, 0]]), Vocabulary.build([5])), Config().override(SMALL))
    assert torch.isfinite(result.model.output).all()
    assert np.isfinite(result.history[0].loss)
    assert ranks(result.model, Sessions.from_lists([[0, 0]])).tolist() == [1]


def test_one_event_sessions_are_passed_over_and_nothing_else_is_an_error() -> None:
    config = Config().override(SMALL)
    with_singles = Sessions.from_lists([[3], [0, 1, 2], [4], [2, 1]])
    assert np.isfinite(fit(Dataset(with_singles, VOCABULARY), config).history[0].loss)
    with pytest.raises(ValueError, match="no session has two events"):
        fit(Dataset(Sessions.from_lists([[3], [4]]), VOCABULARY), config)


def test_sessions_of_another_vocabulary_are_refused() -> None:
    with pytest.raises(ValueError, match="name item 11, but the vocabulary has 2 items"):
        fit(Dataset(cycles(12), Vocabulary.build([0, 1])), Config().override(SMALL))


def test_threads_are_set_for_the_call_only() -> None:
    before = torch.get_num_threads()
    seen = []
    fit(
        Dataset(cycles(5), VOCABULARY),
        Config().override(SMALL),
        FitOptions(threads=2, on_epoch=lambda _: seen.append(torch.get_num_threads())),
    )
    assert seen == [2] * 4
    assert torch.get_num_threads() == before


def test_gradients_are_on_after_a_fit() -> None:
    """Nothing of the loop's inference mode is left behind, not even while the caller looks at an epoch."""
    seen = []
    fit(
        Dataset(cycles(5), VOCABULARY),
        Config().override(SMALL),
        FitOptions(on_epoch=lambda _: seen.append(torch.is_inference_mode_enabled())),
    )
    assert not any(seen)
    assert torch.is_grad_enabled()


def test_weights_of_events_decide_what_is_learnt() -> None:
    """After item 0 come 1 and 2 equally often, but only the events of 2 have weight."""
    sessions = Sessions.from_lists([[0, 1], [0, 2]] * 30)
    weighted = Sessions(sessions.items, sessions.offsets, weights=(sessions.items == 2).astype(np.float32))
    model = fit(Dataset(weighted, Vocabulary.build([0, 1, 2])), Config().override({**SMALL, "epochs": 10})).model
    scores = next(model.blocks(Sessions.from_lists([[0, 1]]))).scores[0]
    assert scores[2] > scores[1] + 1


@pytest.mark.parametrize("unseen", [0, 800])
def test_weights_that_rise_with_time_are_no_divergence(unseen: int) -> None:
    """Late events weigh many times the mean, and so do their losses; the first ones may weigh nothing at all."""
    sessions = random_sessions(600, ITEMS, 3)
    age = np.arange(len(sessions.items))[::-1] / len(sessions.items)
    weights = np.where(np.arange(len(age)) < unseen, 0.0, np.exp(-20 * age)).astype(np.float32)
    weighted = Sessions(sessions.items, sessions.offsets, weights=weights)
    history = fit(Dataset(weighted, VOCABULARY), Config().override({**SMALL, "epochs": 2})).history
    assert len(history) == 2
    with pytest.raises(DivergenceError, match=r"far above where it began|is not a number"):
        fit(Dataset(weighted, VOCABULARY), Config().override({**SMALL, "learning_rate": 1e4, "optimizer": "sgd"}))


@pytest.mark.parametrize("wrong", [-0.5, np.nan, np.inf])
def test_weights_that_are_none_are_refused_and_counted(wrong: float) -> None:
    sessions = Sessions.from_lists([[0, 1], [0, 2]] * 30)
    weighted = Sessions(sessions.items, sessions.offsets, weights=np.where(sessions.items == 2, wrong, 9.0))
    with pytest.raises(ValueError, match=r"^30 of 120 events have a weight below 0, or one that is no finite number"):
        fit(Dataset(weighted, Vocabulary.build([0, 1, 2])), Config().override({**SMALL, "epochs": 1}))


def test_weights_whose_mean_is_beyond_float32_are_refused() -> None:
    """Each would have had a share of 0, and nothing would have been learnt."""
    sessions = Sessions.from_lists([[0, 1], [0, 2]] * 30)
    weighted = Sessions(sessions.items, sessions.offsets, weights=np.full(120, 3e38, np.float32))
    with pytest.raises(ValueError, match="the mean weight of the events is inf"):
        fit(Dataset(weighted, Vocabulary.build([0, 1, 2])), Config().override({**SMALL, "epochs": 1}))


def test_a_warm_start_keeps_known_rows_draws_new_ones_and_drops_gone_ones() -> None:
    config = Config().override(
        {**SMALL, "embedding": "separate", "epochs": 1, "learning_rate": 1e-12, "optimizer": "sgd"}
    )
    old = fit(Dataset(Sessions.from_lists([[0, 1], [2, 0]]), Vocabulary.build(["a", "b", "c"])), config).model
    vocabulary = Vocabulary.build(["b", "c", "d"])
    new = fit(Dataset(Sessions.from_lists([[0, 1], [2, 0]]), vocabulary), config, FitOptions(warm_start=old)).model
    for name in ("output.weight", "output.bias", "input.weight"):
        torch.testing.assert_close(new.tensors()[name][:2], old.tensors()[name][1:], atol=1e-6, rtol=0)
    torch.testing.assert_close(new.dense, old.dense, atol=1e-6, rtol=0)
    fresh = GRU4Rec(config.model, vocabulary)
    fresh.initialise(config.train.seed)
    torch.testing.assert_close(new.output[2], fresh.output[2], atol=1e-6, rtol=0)


def test_a_warm_start_from_another_network_is_refused() -> None:
    old = fit(Dataset(cycles(3), VOCABULARY), Config().override({**SMALL, "hidden_size": 4, "epochs": 1})).model
    with pytest.raises(ConfigError, match="hidden_size was 4 and is 8"):
        fit(Dataset(cycles(3), VOCABULARY), Config().override(SMALL), FitOptions(warm_start=old))


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["cross-entropy", "bpr-max"])
def test_a_compiled_step_makes_the_same_updates(loss: str) -> None:
    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs g++ for the CPU, and there is none here")
    config = Config().override({**SMALL, "loss": loss, "epochs": 1, "dropout_embedding": 0.1, "momentum": 0.3})
    eager = fit(Dataset(random_sessions(60, ITEMS, 1), VOCABULARY), config).model
    compiled = fit(Dataset(random_sessions(60, ITEMS, 1), VOCABULARY), config.override({"compile": True})).model
    for name, value in eager.tensors().items():
        torch.testing.assert_close(compiled.tensors()[name], value, rtol=1e-4, atol=1e-5)
