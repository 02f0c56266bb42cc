"""The trainer takes the update that fits the model, and with windows made by the device it makes the same ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gru4rec.config.options import Config, ConfigError
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.storage.training_state import Run, TrainingState, load_training, save_training
from gru4rec.training.trainer import READ_EVERY, DivergenceError, Trainer, build_step, trains_on_device
from gru4rec.training.update.step import Step
from gru4rec.training.windows.loader import CHUNK
from tests.gru4rec.comparing import difference_of_trainer, random_sessions

SMALL = {"batch_size": 2, "n_sample": 5, "hidden_size": 6, "sample_alpha": 0.5, "learning_rate": 0.1}
ITEMS = 12


def trainer_of(config: Config, sessions: int = 60, *, on_device: bool = True, dtype: torch.dtype = torch.float32):
    model = GRU4Rec(config.model, Vocabulary.build(np.arange(ITEMS)), dtype=dtype)
    model.initialise(config.train.seed)
    return Trainer(model, random_sessions(sessions, ITEMS, seed=5), config, on_device=on_device)


def test_a_model_without_features_gets_the_plain_update_and_none_where_features_are_configured() -> None:
    config = Config().override({"hidden_size": 4})
    model = GRU4Rec(config.model, Vocabulary.build(np.arange(5)))
    assert type(build_step(model, config)) is Step
    with pytest.raises(ConfigError, match="the model knows no features"):
        build_step(model, config.override({"selected_features": ["genres"]}))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"momentum": 0.3, "dropout_embedding": 0.2}, id="cross-entropy, momentum"),
        pytest.param({"loss": "bpr-max", "momentum": 0.3, "elu": 0.5}, id="bpr-max, momentum"),
        pytest.param({"embedding": "separate", "momentum": 0.3}, id="separate"),
        pytest.param({"embedding": "one-hot"}, id="one-hot"),
        pytest.param({"bptt": 3, "num_layers": 2, "dropout_hidden": 0.2}, id="windows of three steps"),
        pytest.param({"batch_size": 1, "n_sample": 0, "loss": "bpr"}, id="one lane, no negatives"),
        pytest.param({"n_sample": 0, "clip_norm": 0.05}, id="no negatives"),
        pytest.param({"optimizer": "adam", "learning_rate": 0.01, "cosine": 6}, id="adam, cosines"),
    ],
)
def test_a_whole_training_on_the_device_equals_the_reference(changes: dict[str, Any]) -> None:
    config = Config().override({**SMALL, **changes})
    difference, updates = difference_of_trainer(random_sessions(72, ITEMS, seed=1), ITEMS, config, epochs=2)
    assert updates >= CHUNK  # a full chunk, and one that is not
    assert difference < 1e-10


@pytest.mark.parametrize("shuffle", [pytest.param(False, marks=pytest.mark.slow), True])
def test_both_ways_read_the_same_losses(shuffle: bool) -> None:
    config = Config().override({**SMALL, "shuffle": shuffle, "dropout_embedding": 0.2})
    ways = [trainer_of(config, 800, on_device=on_device, dtype=torch.float64) for on_device in (True, False)]
    ours, expected = (list(way.epoch(1)) for way in ways)
    assert len(expected) > READ_EVERY  # so that losses are read in the middle of the epoch and at its end
    assert [events for _, events in ours] == [events for _, events in expected]
    np.testing.assert_allclose([loss for loss, _ in ours], [loss for loss, _ in expected], rtol=1e-9)


@pytest.mark.parametrize(
    "changes", [{"shuffle": True, "momentum": 0.3}, {"dropout_hidden": 0.2, "embedding": "separate"}]
)
def test_a_stopped_training_goes_on_to_the_bit(tmp_path: Path, changes: dict[str, Any]) -> None:
    config = Config().override({**SMALL, **changes})
    whole = trainer_of(config)
    losses = [list(whole.epoch(number)) for number in (1, 2, 3)]
    first = trainer_of(config)
    assert list(first.epoch(1)) == losses[0]
    run = Run(tmp_path, config, "data")
    save_training(run, TrainingState(first.tensors(), {"history": []}))
    state = load_training(run)
    assert state is not None
    second = trainer_of(config)
    second.restore(state.tensors)
    assert [list(second.epoch(number)) for number in (2, 3)] == losses[1:]
    for name, value in whole.tensors().items():
        assert torch.equal(second.tensors()[name], value), name


def test_random_numbers_of_another_device_cannot_be_drawn_on_with() -> None:
    trainer = trainer_of(Config().override(SMALL))
    before = trainer.tensors()["generator"]
    with pytest.raises(ValueError, match="cannot be resumed on cpu"):
        trainer.restore({**trainer.tensors(), "generator": torch.zeros(16, dtype=torch.uint8)})  # as long as CUDA's
    assert torch.equal(trainer.tensors()["generator"], before)


def test_a_loss_that_diverges_is_found_though_losses_are_read_together() -> None:
    config = Config().override({**SMALL, "learning_rate": 1e6, "optimizer": "sgd"})
    messages = []
    for on_device in (True, False):
        with pytest.raises(DivergenceError, match="at step") as raised:
            list(trainer_of(config, 400, on_device=on_device).epoch(1))
        messages.append(str(raised.value))
    assert messages[0] == messages[1]


def test_a_model_on_a_cpu_is_fed_by_the_host() -> None:
    assert not trains_on_device(GRU4Rec(Config().model, Vocabulary.build(np.arange(3))))
