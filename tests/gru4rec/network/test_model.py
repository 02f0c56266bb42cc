"""Scores of a fitted network: the cell is torch's, every event gets its row, and no row depends on its neighbours."""

from typing import get_args

import numpy as np
import pytest
import torch

from gru4rec.config.options import Config, ModelConfig
from gru4rec.config.parts import Embedding
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network import gru
from gru4rec.network.model import GRU4Rec
from tests.gru4rec.comparing import random_sessions
from tests.gru4rec.reference import Reference


def test_the_cell_is_torchs_gru_cell() -> None:
    theirs = torch.nn.GRUCell(5, 4, dtype=torch.float64)
    layer = gru.Layer(theirs.weight_ih, theirs.weight_hh, theirs.bias_ih, theirs.bias_hh)
    x, h = torch.randn(3, 5, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    with torch.no_grad():
        mine = gru.cell(layer, gru.input_product(layer, x), h)[0]
        torch.testing.assert_close(mine, theirs(x, h), rtol=1e-12, atol=1e-12)


def made(embedding: str = "shared", layers: int = 2) -> GRU4Rec:
    size = 5 if embedding == "separate" else 0
    config = ModelConfig(embedding=embedding, embedding_size=size, hidden_size=6, num_layers=layers)
    model = GRU4Rec(config, Vocabulary.build(np.arange(9)), dtype=torch.float64)
    model.initialise(4)
    model.dense.uniform_(-0.5, 0.5, generator=torch.Generator().manual_seed(1))
    return model


def slow_scores(model: GRU4Rec, items: list[int]) -> torch.Tensor:
    """Scores after the last of `items`, one event at a time, by the reference's cell."""
    config = Config(model=model.config)
    plain = Reference(model.tensors(), np.ones(9), config)
    states = [torch.zeros(6, dtype=torch.float64) for _ in range(model.config.num_layers)]
    embedding = plain.w.get("input.weight", plain.w["output.weight"])
    for item in items:
        x = embedding[item]
        for layer in range(model.config.num_layers):
            x = states[layer] = plain.cell(layer, x, states[layer])
    return (plain.w["output.weight"] @ x + plain.w["output.bias"]).detach()


@pytest.mark.parametrize("embedding", get_args(Embedding))
@pytest.mark.parametrize("last_only", [False, True])
def test_blocks_score_every_event_as_one_session_alone_would(embedding: str, last_only: bool) -> None:
    model = made(embedding)
    sessions = random_sessions(40, 9, seed=2)
    seen = {}
    for block in model.blocks(sessions, last_only=last_only, rows=7):
        assert 1 <= len(block.events) <= 7
        seen |= {int(event): row.clone() for event, row in zip(block.events, block.scores, strict=True)}
    expected = sessions.offsets[1:] - 1 if last_only else sessions.prediction_events()
    assert sorted(seen) == sorted(expected.tolist())
    for event in list(seen)[::5]:
        begin = sessions.offsets[sessions.session_of(event)]
        items = sessions.items[begin : event + 1].tolist()
        torch.testing.assert_close(seen[event], slow_scores(model, items), rtol=1e-10, atol=1e-10)


def test_hidden_and_output_matrix_make_the_scores() -> None:
    model, sessions = made(), random_sessions(10, 9, seed=3)
    (block,) = model.blocks(sessions)
    scores = {
        int(e): row @ model.output_matrix().T + model.output_bias()
        for events, h in model.hidden(sessions)
        for e, row in zip(events, h, strict=True)
    }
    for event, row in zip(block.events, block.scores, strict=True):
        torch.testing.assert_close(scores[int(event)], row)


def test_sessions_that_predict_nothing_give_no_rows() -> None:
    assert list(made().blocks(Sessions.from_lists([[1], []]))) == []
    assert [len(b.events) for b in made().blocks(Sessions.from_lists([[1], []]), last_only=True)] == [1]


@pytest.mark.parametrize("embedding", get_args(Embedding))
def test_weights_start_within_the_limits_of_their_block_and_biases_at_zero(embedding: str) -> None:
    size = 5 if embedding == "separate" else 0
    config = ModelConfig(embedding=embedding, embedding_size=size, hidden_size=6, num_layers=2)
    model = GRU4Rec(config, Vocabulary.build(np.arange(900)))
    model.initialise(1)
    limits = {"output.weight": 900 + 6, "gru.0.w_hidden": 12, "gru.1.w_input": 12, "gru.1.w_hidden": 12}
    limits |= {"input.weight": 900 + (6 if embedding == "one-hot" else 5), "gru.0.w_input": 6 + model.input_size}
    for name, value in model.tensors().items():
        if "bias" in name or "b_" in name:
            assert not value.any()
        else:
            limit = (6 / limits[name]) ** 0.5
            assert 0.9 * limit < value.abs().max() <= limit
            assert abs(float(value.mean())) < 0.2 * limit
