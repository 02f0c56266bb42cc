"""The fast step against the plain reference: same losses, same weights, for everything that changes the mathematics."""

from itertools import product
from typing import get_args

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gru4rec.config.options import Config
from gru4rec.config.parts import Embedding, Loss, OptimizerName
from gru4rec.network import gru
from gru4rec.training.update import losses, tables
from tests.gru4rec.comparing import difference_after_training, random_sessions

SMALL = {"batch_size": 2, "n_sample": 5, "hidden_size": 6, "sample_alpha": 0.5, "learning_rate": 0.1}


@pytest.mark.parametrize(
    ("loss", "embedding"),
    [
        pytest.param(
            loss, embedding, marks=() if embedding == "shared" or loss == "cross-entropy" else pytest.mark.slow
        )
        for loss, embedding in product(get_args(Loss), get_args(Embedding))
    ],
)
def test_every_loss_with_every_embedding_equals_the_reference(loss: str, embedding: str) -> None:
    config = Config().override({**SMALL, "loss": loss, "embedding": embedding, "dropout_hidden": 0.2, "momentum": 0.3})
    difference, updates = difference_after_training(random_sessions(72, 12, seed=1), 12, config)
    assert updates >= 100
    assert difference < 1e-10


@pytest.mark.parametrize(("loss", "embedding"), [("bpr-max", "shared"), ("cross-entropy", "separate")])
def test_two_layers_over_windows_of_two_steps_equal_the_reference(loss: str, embedding: str) -> None:
    chosen = {**SMALL, "loss": loss, "embedding": embedding, "bptt": 2, "momentum": 0.3}
    config = Config().override({**chosen, "dropout_embedding": 0.3, "dropout_hidden": 0.2, "num_layers": 2})
    difference, updates = difference_after_training(random_sessions(144, 12, seed=2), 12, config)
    assert updates >= 100
    assert difference < 1e-10


@pytest.mark.parametrize(("loss", "embedding"), [("bpr-max", "shared"), ("cross-entropy", "separate")])
def test_lanes_in_order_and_small_blocks_equal_the_reference(
    loss: str, embedding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left to wide layers and large tables, here with blocks of one row and of one or two predictions."""
    monkeypatch.setattr(gru, "WIDE", 1)
    monkeypatch.setattr(tables, "BLOCK", 8)
    monkeypatch.setattr(losses, "BLOCK", 16)
    chosen = {**SMALL, "batch_size": 4, "loss": loss, "embedding": embedding, "momentum": 0.3, "num_layers": 2}
    config = Config().override({**chosen, "dropout_embedding": 0.3, "dropout_hidden": 0.2})
    difference, updates = difference_after_training(random_sessions(144, 12, seed=4), 12, config)
    assert updates >= 100
    assert difference < 1e-10


@pytest.mark.parametrize("loss", get_args(Loss))
def test_scores_by_direction_equal_the_reference(loss: str) -> None:
    chosen = {**SMALL, "loss": loss, "cosine": 6, "momentum": 0.3, "dropout_hidden": 0.2}
    difference, updates = difference_after_training(random_sessions(72, 12, seed=3), 12, Config().override(chosen))
    assert updates >= 100
    assert difference < 1e-10


options = st.fixed_dictionaries(
    {
        "loss": st.sampled_from(get_args(Loss)),
        "embedding": st.sampled_from(get_args(Embedding)),
        "optimizer": st.sampled_from(get_args(OptimizerName)),
        "num_layers": st.integers(1, 3),
        "bptt": st.integers(1, 4),
        "batch_size": st.integers(1, 6),
        "n_sample": st.integers(0, 9),
        "sample_alpha": st.sampled_from([0.0, 0.5, 1.0]),
        "logq": st.sampled_from([0.0, 0.7, 1.0]),
        "elu": st.sampled_from([0.0, 0.5, 1.0]),
        "bpreg": st.sampled_from([0.0, 1.5]),
        "clip_norm": st.sampled_from([0.0, 0.05]),
        "cosine": st.sampled_from([0, 0.5, 8]),
        "dropout_hidden": st.sampled_from([0.0, 0.4]),
        "seed": st.integers(0, 1000),
    }
)


def check(
    chosen: dict, n_sessions: int, momentum: float, dropout_embedding: float, embedding_size: int, at_least: int = 1
) -> None:
    chosen = {**chosen, "hidden_size": 5, "learning_rate": 0.01 if chosen["optimizer"] == "adam" else 0.1}
    if chosen["optimizer"] == "adam":
        # Adam divides a gradient by its own size: where all candidates of an update are one item the true gradient is
        # zero and only its rounding would be compared. So: enough candidates.
        chosen = {**chosen, "batch_size": max(2, chosen["batch_size"]), "n_sample": max(4, chosen["n_sample"])}
        if chosen["cosine"]:
            chosen["dropout_hidden"] = 0.0  # a state of which one unit is left has a cosine that does not depend on it
    else:
        chosen["momentum"] = momentum
    if chosen["embedding"] != "one-hot":
        chosen["dropout_embedding"] = dropout_embedding
    if chosen["embedding"] == "separate":
        chosen["embedding_size"] = embedding_size
    sessions = random_sessions(n_sessions, 10, seed=chosen["seed"])
    difference, updates = difference_after_training(sessions, 10, Config().override(chosen))
    assert updates >= at_least
    assert difference < 1e-10


extras = {
    "momentum": st.sampled_from([0.0, 0.5]),
    "dropout_embedding": st.sampled_from([0.0, 0.3]),
    "embedding_size": st.integers(0, 7),
}


@given(chosen=options, **extras)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_combination_of_options_equals_the_reference(chosen: dict, **extra: float) -> None:
    check(chosen, 12, **extra)


@pytest.mark.slow
@given(chosen=options, **extras)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate])
def test_any_combination_of_options_equals_the_reference_over_100_updates(chosen: dict, **extra: float) -> None:
    # Of cosines times 8 each update makes the rounding of the one before larger, to 1e-8 after a hundred of some
    # settings; test_scores_by_direction_equal_the_reference has cosines over as many.
    few = {
        "batch_size": min(3, chosen["batch_size"]),
        "bptt": min(2, chosen["bptt"]),
        "cosine": min(0.5, chosen["cosine"]),
    }
    check(
        {**chosen, **few},
        240,
        at_least=100,
        **extra,
    )


@pytest.mark.parametrize("loss", get_args(Loss))
@pytest.mark.parametrize("embedding", ["shared", "separate"])
def test_static_shapes_change_nothing(loss: str, embedding: str) -> None:
    """What a GPU and the compiler run on: candidates padded with the empty item."""
    config = Config().override({**SMALL, "loss": loss, "embedding": embedding, "momentum": 0.3, "clip_norm": 0.1})
    for chosen in (config, config.override({"cosine": 6})):
        difference, _ = difference_after_training(random_sessions(9, 12, seed=5), 12, chosen, static=True)
        assert difference < 1e-10
