"""The whole way on an accelerator that has values (accelerator.py): no tensor meets one of another device."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.evaluate import evaluate
from gru4rec.evaluation.ranking import ranks
from gru4rec.network.added.habits import Habits
from gru4rec.network.model import GRU4Rec
from gru4rec.scoring.calibration import fit_temperature
from gru4rec.serving import stream as streaming
from gru4rec.serving.house.rules import Cap, HouseRules
from gru4rec.serving.recommend import Recommender, Request
from gru4rec.serving.stream import StreamConfig, stream
from gru4rec.storage import checkpoint
from gru4rec.training import fit as fitting
from gru4rec.training import trainer
from gru4rec.training.epochs import FitOptions
from tests.gru4rec.accelerator import DEVICE, Generator, accelerator, enter
from tests.gru4rec.raising import some_raises

ITEMS = 61
SMALL = {"hidden_size": 6, "batch_size": 8, "n_sample": 16, "epochs": 2}
FEATURES = {"selected_features": {"colour": "auto", "title": "text"}, "id_dropout": 0.3}


@pytest.fixture(autouse=True)
def found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The device "meta" is asked for as any other, draws random numbers, and its lists are made by threads."""
    for module in (fitting, checkpoint):
        monkeypatch.setattr(module, "resolve_device", torch.device)
    monkeypatch.setattr(torch, "Generator", Generator)
    monkeypatch.setattr(trainer, "trains_on_device", lambda model: True)  # a CPU's windows too, so that both are equal
    monkeypatch.setattr(streaming, "ThreadPoolExecutor", partial(ThreadPoolExecutor, initializer=enter))
    with torch.no_grad():
        yield


def shop() -> tuple[Dataset, Dataset]:
    """Sessions that often return to what they saw, with features; and some that are held out."""
    random = np.random.default_rng(0)
    first = (random.random((170, 4)) ** 2 * ITEMS).astype(int)  # items of low number more often
    again = np.where(random.random(first.shape) < 0.7, first, first[:, :1])
    sessions = np.concatenate([first, again], axis=1).tolist()
    train = Sessions.from_lists(sessions[:140])
    vocabulary = Vocabulary.build(np.arange(ITEMS))
    colours, titles = [f"{n % 4}" for n in range(ITEMS)], [f"red {n % 5} shoe" for n in range(ITEMS)]
    table = pa.table({"item_id": range(ITEMS), "colour": colours, "title": titles})
    return Dataset(train, vocabulary, table), Dataset(Sessions.from_lists(sessions[140:]), vocabulary)


def contexts() -> list[pa.RecordBatch]:
    """Users of one to six items, some of whom nothing is known."""
    random = np.random.default_rng(5)
    user = np.repeat(np.arange(30), random.integers(1, 7, 30))
    items = random.integers(0, ITEMS, len(user)) + 1000 * np.isin(user, [3, 9])
    return pa.table({"user_id": user, "item_id": items}).to_batches(max_chunksize=30)


def answers(model: GRU4Rec, held_out: Dataset) -> dict[str, Any]:
    """What is asked of a model: figures and lists."""
    house = HouseRules(pool=3, caps=(Cap(np.arange(ITEMS) % 4, most=2, first=6),), new=None, share=0.0)
    ways = {"plain": {}, "seen": {"exclude_seen": False}, "explain": {"explain": True}, "house": {"house": house}}
    said = {
        name: pa.Table.from_batches(stream(model, contexts(), StreamConfig(7, **way), deny=[3])).to_pydict()
        for name, way in ways.items()
    }
    recommender = Recommender(model)
    several = recommender.recommend_batch([Request([1, 2, 3]), Request([4], n=5, exclude=[1], exclude_seen=False)])
    return {
        **said,
        "recommended": [answer.ids.to_pylist() for answer in several],
        "similar": recommender.similar_items([1, 2], 5)["similar_item_id"].to_pylist(),
        "figures": evaluate(model, held_out, bootstrap=3).metrics,
        "median": evaluate(model, held_out, bootstrap=0, tie_rule="median").metrics,
        "temperature": fit_temperature(model, held_out.sessions),
    }


def assert_close(found: Any, expected: Any) -> None:
    """Equal, numbers but for rounding."""
    if isinstance(expected, dict):
        for name, value in expected.items():
            assert_close(found[name], value)
    elif isinstance(expected, float) or (isinstance(expected, list) and isinstance(expected[0], float)):
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-4)
    else:
        assert found == expected


def few_answers(model: GRU4Rec, held_out: Dataset) -> dict[str, Any]:
    """A little of `answers`."""
    lists = pa.Table.from_batches(stream(model, contexts(), StreamConfig(7), deny=[3])).to_pydict()
    return {"lists": lists, "ranks": ranks(model, held_out.sessions).tolist()}


@pytest.mark.parametrize("answers", [few_answers, pytest.param(answers, marks=pytest.mark.slow)])
def test_a_model_with_all_that_may_be_added_answers_as_on_a_cpu(
    answers: Callable[[GRU4Rec, Dataset], dict[str, Any]], tmp_path: Path
) -> None:
    _, held_out = shop()
    config = Config().override({**SMALL, "repeats": True, "cosine": 6.0})
    here = GRU4Rec(config.model, Vocabulary.build(np.arange(ITEMS)))
    here.initialise(1)
    assert here.repeat is not None
    here.repeat.copy_(torch.tensor([[-1.0, 0.5, 0.2]] * 4))
    here.habits = Habits(torch.tensor([[0.4, 0.2, 0.2, 0.2]] * 3), torch.tensor([0.5, 0.3, 0.2]))
    here.raises = some_raises(np.random.default_rng(1), ITEMS, 4)
    checkpoint.save(tmp_path, here, config)
    expected = answers(checkpoint.load(tmp_path, "cpu").model, held_out)
    with accelerator():
        found = answers(checkpoint.load(tmp_path, DEVICE).model, held_out)
    assert_close(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            {"cosine": 8.0, "repeats": True, "members": 2, "alternate": [{}, {"loss": "bpr-max", "cosine": 0.0}]},
            id="members, what is added",
        ),
        pytest.param(
            {"embedding": "separate", "num_layers": 2, "bptt": 2, "dropout_hidden": 0.1, "shuffle": True},
            id="two layers, shuffled",
        ),
        pytest.param({"optimizer": "adam", "learning_rate": 0.01, "keep": "best", "patience": 1}, id="adam, the best"),
        pytest.param({**FEATURES, "pooling_mode": "max", "training": "interleaving"}, id="features, maxima, in turns"),
        pytest.param({**FEATURES, "architecture": "shared-output", "training": "residual"}, id="features, residual"),
        pytest.param({**FEATURES, "architecture": "concatenated"}, id="features, concatenated"),
    ],
)
def test_a_training_ends_as_on_a_cpu(changes: dict[str, Any], tmp_path: Path) -> None:
    config, (train, held_out) = Config().override({**SMALL, **changes}), shop()

    def trained(device: torch.device) -> list[float]:
        options = FitOptions(device=device, threads=1, validation=held_out)
        kept = replace(options, checkpoint_dir=tmp_path / device.type)
        begun = config.override({"epochs": 1}) if config.features.training != "residual" else config
        fitting.fit(train, begun, kept)
        whole = fitting.fit(train, config, replace(kept, resume=True))
        warm = fitting.fit(train, config, replace(options, warm_start=whole.model))
        return [report.loss for result in (whole, warm) for report in result.history]

    expected = trained(torch.device("cpu"))
    with accelerator() as device:
        assert_close(trained(device), expected)
        found = answers(checkpoint.load(tmp_path / "cpu", device).model, held_out)
    assert_close(found, answers(checkpoint.load(tmp_path / "cpu", "cpu").model, held_out))
