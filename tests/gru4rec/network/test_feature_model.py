"""A model with features from training to a list: cold items, checkpoint, resume, warm start."""

import json
from typing import get_args

import numpy as np
import pyarrow as pa
import pytest
import torch

from gru4rec.config.options import Config, ConfigError
from gru4rec.config.parts import Architecture
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.evaluate import evaluate
from gru4rec.network.build import build_model
from gru4rec.serving.recommend import Recommender
from gru4rec.storage import checkpoint
from gru4rec.training.fit import FitOptions, fit

CHANGES = {
    "selected_features": ["group"], "hidden_size": 16, "epochs": 6, "batch_size": 8, "n_sample": 32,
    "learning_rate": 0.1,
}  # fmt: skip
GROUPS, EACH = 4, 10


def shop(seed: int = 1, sessions: int = 150) -> Dataset:
    """Sessions stay inside one of four groups of ten items; the tenth of each group is never clicked."""
    random = np.random.default_rng(seed)
    lists = []
    for _ in range(sessions):
        group = random.integers(GROUPS)
        lists.append((group * EACH + random.integers(0, EACH - 1, random.integers(3, 7))).tolist())
    flat = np.concatenate(lists)
    vocabulary = Vocabulary.build(pa.array(flat))
    encoded = Sessions(vocabulary.encode(flat), np.cumsum([0, *map(len, lists)]))
    return Dataset(encoded, vocabulary, items_table()).with_features(configuration().features)


def items_table() -> pa.Table:
    groups = [f"group {item // EACH}" for item in range(GROUPS * EACH)]
    return pa.table({"item_id": range(GROUPS * EACH), "group": groups})


def configuration(**changes) -> Config:
    return Config().override({**CHANGES, **changes})


def trained(**changes):
    dataset, config = shop(), configuration(**changes)
    return (
        fit(dataset, config, FitOptions(device="cpu")).model,
        config,
        dataset.vocabulary,
    )


@pytest.mark.parametrize("architecture", get_args(Architecture))
def test_a_cold_item_is_recommended_where_its_features_fit(architecture: str, tmp_path) -> None:
    model, config, _ = trained(architecture=architecture)
    checkpoint.save(tmp_path, model, config)
    recommender = Recommender.load(tmp_path, "cpu")
    cold = {group * EACH + EACH - 1 for group in range(GROUPS)}
    for group in range(GROUPS):
        answer = recommender.recommend([group * EACH, group * EACH + 1], n=EACH - 2, exclude_seen=True)
        listed = set(answer.ids.to_pylist())
        assert listed & cold <= {group * EACH + EACH - 1}
        place = recommender.recommend([group * EACH, group * EACH + 1], n=100).ids.to_pylist()
        assert place.index(group * EACH + EACH - 1) < EACH + 2  # of 40 items; among its group's
    assert recommender.recommend([EACH - 1], n=EACH).context_length == 1  # a cold item is a context too


def test_a_night_lists_what_a_request_lists() -> None:
    recommender = Recommender(trained(architecture="interaction", epochs=2)[0])
    contexts = [[0, 1], [EACH - 1], [25, 39, 12]]
    rows = [(user, item) for user, items in enumerate(contexts) for item in items]
    users, items = (pa.array(column) for column in zip(*rows, strict=True))
    batch = pa.record_batch({"user_id": users, "item_id": items})
    night = pa.Table.from_batches(recommender.recommend_stream([batch], n=7)).to_pydict()
    asked = [recommender.recommend(items, n=7) for items in contexts]
    assert night["item_id"] == [item for answer in asked for item in answer.ids.to_pylist()]
    np.testing.assert_allclose(night["score"], np.concatenate([answer.scores for answer in asked]), rtol=1e-5)


def test_cold_targets_are_evaluated() -> None:
    model, _, vocabulary = trained()
    tests = Sessions.from_lists([[group * EACH, group * EACH + EACH - 1] for group in range(GROUPS)])
    found = evaluate(model, Dataset(tests, vocabulary), bootstrap=0)
    assert found.ranks.max() <= EACH + 2
    cold = [f for f in found.figures if f.segment == "target clicks=0" and f.metric == "recall@20"]
    assert [(f.value, f.n) for f in cold] == [(1.0, GROUPS)]
    assert not {"target=known", "target=new"} & {f.segment for f in found.figures}


def test_equal_cold_items_do_not_all_count_as_the_best_of_them() -> None:
    shopped = shop()
    train, vocabulary = shopped.sessions, shopped.vocabulary
    wider = pa.table({"item_id": range(60), "group": [f"group {min(item // EACH, GROUPS - 1)}" for item in range(60)]})
    prepared = Dataset(train, vocabulary, wider).with_features(configuration().features)
    result = fit(
        prepared,
        configuration(epochs=1),
        FitOptions(device="cpu"),
    )
    alike = [39, *range(40, 60)]  # nobody clicked these, and all are of the last group
    sessions = Sessions.from_lists([[30, item] for item in alike])
    found = evaluate(result.model, Dataset(sessions, prepared.vocabulary), bootstrap=0)
    above = evaluate(result.model, Dataset(sessions, prepared.vocabulary), bootstrap=0, tie_rule="standard").ranks - 1
    assert (found.ranks == above + len(alike)).all()


@pytest.mark.parametrize("id_dropout", [0.0, 0.1])
def test_a_cold_item_has_the_bias_of_the_least_clicked(id_dropout: float) -> None:
    model, _, vocabulary = trained(id_dropout=id_dropout, epochs=2)
    bias, counts = model.output_bias().numpy(), vocabulary.counts
    fewest = (counts > 0) & (counts <= np.quantile(counts[counts > 0], 0.1, method="higher"))
    np.testing.assert_allclose(bias[counts == 0], bias[fewest].mean(), rtol=1e-5)


def test_checkpoint_gives_the_same_scores_and_holds_no_pickle(tmp_path) -> None:
    model, config, _ = trained(architecture="interaction")
    checkpoint.save(tmp_path, model, config)
    loaded = checkpoint.load(tmp_path).model
    (before,) = model.blocks(shop().sessions.select([0, 1]))
    (after,) = loaded.blocks(shop().sessions.select([0, 1]))
    assert torch.equal(before.scores, after.scores)
    names = json.loads((tmp_path / "checkpoint.json").read_text())["files"]
    assert sorted(names) == ["features.arrow", "vocabulary.parquet", "weights.safetensors"]


@pytest.mark.filterwarnings("error")
def test_a_model_whose_features_are_pooled_is_read_without_a_warning(tmp_path) -> None:
    """Torch warns once of arrays that may only be read, as Arrow's are."""
    config = configuration(selected_features={"group": "text"}, pooling_mode="max")
    features = Dataset(shop().sessions, shop().vocabulary, items_table()).with_features(config.features)
    model = build_model(config, features.vocabulary, features.features)
    model.initialise(1)
    checkpoint.save(tmp_path, model, config)
    torch.set_warn_always(True)
    try:
        assert torch.equal(checkpoint.load(tmp_path).model.vectors(), model.vectors())
    finally:
        torch.set_warn_always(False)


@pytest.mark.parametrize("training", ["simultaneous", "alternating", "residual", "interleaving"])
def test_a_resumed_run_ends_equal_to_the_bit(training: str, tmp_path) -> None:
    dataset = shop()
    config = configuration(training=training, epochs=4, dropout_hidden=0.2, momentum=0.2)
    whole = fit(shop(), config, FitOptions(device="cpu")).model

    class StopHere(Exception):
        pass

    def interrupt(report) -> None:
        if report.epoch == 2:
            raise StopHere

    arguments = {"device": "cpu", "checkpoint_dir": tmp_path}
    with pytest.raises(StopHere):
        fit(dataset, config, FitOptions(on_epoch=interrupt, **arguments))
    resumed = fit(dataset, config, FitOptions(resume=True, **arguments)).model
    for name, tensor in whole.tensors().items():
        assert torch.equal(tensor, resumed.tensors()[name]), name


def test_other_features_are_other_data(tmp_path) -> None:
    dataset, config = shop(), configuration(epochs=1)
    fit(shop(), config, FitOptions(device="cpu", checkpoint_dir=tmp_path))
    table = items_table().set_column(1, "group", pa.array(["all"] * GROUPS * EACH))
    other = Dataset(dataset.sessions, dataset.vocabulary, table).with_features(config.features)
    with pytest.raises(ValueError, match="other data"):
        fit(
            other,
            config,
            FitOptions(device="cpu", checkpoint_dir=tmp_path, resume=True),
        )


def test_warm_start_keeps_what_both_know() -> None:
    old, config, _ = trained()
    shopped = shop(seed=2)
    train, vocabulary = shopped.sessions, shopped.vocabulary
    table = items_table().set_column(
        1, "group", pa.array([f"group {item // EACH + 1}" for item in range(GROUPS * EACH)])
    )
    prepared = Dataset(train, vocabulary, table).with_features(config.features)
    new = build_model(config, prepared.vocabulary, prepared.features)
    new.initialise(9)
    fresh = new.table_of(new.dense).clone()
    new.adopt_dense(old)
    names = prepared.features.row_names()
    assert names[1:] == [f"group:categorical=group {number}" for number in (1, 2, 3, 4)]
    there = old.table_of(old.dense)
    assert torch.equal(new.table_of(new.dense)[1:4], there[2:5])
    assert torch.equal(new.table_of(new.dense)[4], fresh[4])
    with pytest.raises(ConfigError, match="architecture=parallel"):
        new.adopt_dense(trained(architecture="interaction", epochs=1)[0])
    with pytest.raises(ConfigError, match="item features"):
        fit(
            Dataset(train, vocabulary),
            configuration(selected_features=[], epochs=1),
            FitOptions(warm_start=old, device="cpu"),
        )


def test_features_are_given_exactly_where_they_are_configured() -> None:
    shopped = shop()
    train, vocabulary, features = shopped.sessions, shopped.vocabulary, shopped.features
    with pytest.raises(ValueError, match="needs an items table with these columns"):
        fit(Dataset(train, vocabulary), configuration(), FitOptions(device="cpu"))
    with pytest.raises(ConfigError, match="no features were given"):
        build_model(configuration(), vocabulary)
    with pytest.raises(ConfigError, match="but features were given"):
        fit(shop(), configuration(selected_features=[]), FitOptions(device="cpu"))
    with pytest.raises(ValueError, match="features of 40 items, but 2 in the vocabulary"):
        build_model(configuration(), Vocabulary.build(pa.array([1, 2])), features)
    for changes in ({"embedding": "separate"}, {"training": "residual", "epochs": 1}, {"selected_features": ["a", "a"]},
                    {"architecture": "concatenated", "training": "alternating"}):  # fmt: skip
        with pytest.raises(ConfigError):
            configuration(**changes)
