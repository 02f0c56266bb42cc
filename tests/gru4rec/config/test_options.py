import json
import subprocess
import sys
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gru4rec.config.options import Config, ConfigError, ModelConfig, TrainConfig, read_settings
from gru4rec.config.parts import Embedding, Loss
from gru4rec.config.presets import PRESETS, judge, preset, resolve


def test_importing_the_configuration_does_not_load_torch() -> None:
    code = "import sys, gru4rec, gru4rec.config.options, gru4rec.config.presets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(
    st.sampled_from(get_args(Loss)),
    st.sampled_from(get_args(Embedding)),
    st.integers(1, 500),
    st.floats(0, 0.99),
    st.booleans(),
)
def test_json_round_trip(loss: str, embedding: str, size: int, dropout: float, shuffle: bool) -> None:
    changes = {"loss": loss, "embedding": embedding, "hidden_size": size, "dropout_hidden": dropout, "shuffle": shuffle}
    config = Config().override(changes)
    assert Config.from_json(config.to_json()) == config
    assert Config.from_json(json.dumps(config.flat())) == config


def test_field_names_are_unique_over_all_parts() -> None:
    parts = json.loads(Config().to_json()).values()
    assert sum(len(part) for part in parts) == len(Config().flat())


def test_text_is_read_as_the_fields_type() -> None:
    texts = {"hidden_size": "64", "learning_rate": "1e-2", "shuffle": "true", "logq": "1"}
    config = Config().override(read_settings(texts))
    assert (config.model.hidden_size, config.optimizer.learning_rate, config.train.shuffle) == (64, 0.01, True)
    assert isinstance(config.loss.logq, float)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"hiden_size": 3}, "unknown setting hiden_size; did you mean hidden_size"),
        ({"hidden_size": 0}, "hidden_size is 0; use a whole number of at least 1"),
        ({"hidden_size": "many"}, "hidden_size is 'many'; give a whole number"),
        ({"hidden_size": 2.5}, "hidden_size is 2.5; give a whole number"),
        ({"epochs": True}, "epochs is True; give a whole number"),
        ({"xyzzy": 3}, "unknown setting xyzzy; known are .*hidden_size"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'; give a number"),
        ({"elu": float("inf")}, "elu is inf; give a finite number"),
        ({"shuffle": "maybe"}, "shuffle is 'maybe'; give true or false"),
        ({"loss": "hinge"}, "loss is 'hinge'; use one of cross-entropy, bpr-max"),
        ({"dropout_hidden": 1.0}, "dropout_hidden is 1.0; use a number with 0.0 <= dropout_hidden < 1.0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"learning_rate": 0}, "learning_rate is 0; nothing would be learnt"),
        ({"monitor": "accuracy"}, "monitor is 'accuracy'; use recall@k"),
        ({"monitor": "recall@20\n"}, "monitor is .*; use recall@k"),
        ({"embedding_size": 7}, "embedding_size is 7 with a shared embedding of hidden_size 100"),
        ({"embedding": "one-hot", "dropout_embedding": 0.1}, "a one-hot input has no embedding"),
        ({"optimizer": "adam", "momentum": 0.5}, "adam has its own momentum"),
    ],
)
def test_what_cannot_be_is_refused_with_the_field_and_what_it_may_be(changes: dict, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Config().override(changes)


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ({"hidden_size": "many"}, "hidden_size is 'many'; give a whole number"),
        ({"learning_rate": "nan"}, "learning_rate is nan; give a finite number"),
        ({"shuffle": "maybe"}, "shuffle is 'maybe'; give true or false"),
        ({"members": "2", "alternate": "[loss]"}, "alternate has 'loss'; write name=value"),
        ({"members": "2", "alternate": "{loss"}, "which is not JSON"),
        ({"hiden_size": "3"}, "unknown setting hiden_size; did you mean hidden_size"),
    ],
)
def test_text_that_spells_no_value_is_refused(texts: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Config().override(read_settings(texts))


def test_settings_by_name_are_written_as_pairs_or_as_json() -> None:
    expected = {"loss": "bpr-max", "batch_size": 8, "learning_rate": 0.05}
    for text in ("[loss=bpr-max,batch_size=8,learning_rate=0.05]", "loss=bpr-max, batch_size=8, learning_rate=.05",
                 '{"loss": "bpr-max", "batch_size": 8, "learning_rate": 0.05}'):  # fmt: skip
        config = Config().override(read_settings({"members": "2", "alternate": text}))
        assert dict(config.train.alternate) == expected
        assert config.member(1).loss.loss == "bpr-max"
        assert Config.from_json(config.to_json()) == config


def test_a_configuration_cannot_be_changed_from_outside() -> None:
    own = {"loss": "bpr-max"}
    config = Config().override({"members": 2, "alternate": own})
    own["loss"] = "top1"
    assert config.member(1).loss.loss == "bpr-max"
    with pytest.raises(TypeError):
        config.train.alternate["loss"] = "top1"  # type: ignore[index]


@pytest.mark.parametrize("value", ["12", ["12"], True, -1, float("inf")])
def test_a_scale_of_cosines_is_a_number_of_at_least_0(value: object) -> None:
    with pytest.raises(ConfigError, match="cosine is"):
        ModelConfig(cosine=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["{", "[1]", '"fast"'])
def test_text_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is not JSON|is a JSON"):
        Config.from_json(text)


def test_infinity_is_no_number_to_train_with() -> None:
    with pytest.raises(ConfigError, match="min_delta is inf"):
        TrainConfig(min_delta=float("inf"))


def test_presets_are_the_published_rows() -> None:
    retail = preset("retailrocket").flat()
    assert (retail["loss"], retail["hidden_size"], retail["batch_size"], retail["momentum"]) == (
        "bpr-max",
        224,
        80,
        0.4,
    )
    assert all(config.train.epochs == 10 and config.negatives.n_sample == 2048 for config in PRESETS.values())
    assert preset("rsc15").negatives.sample_alpha == 0.75
    assert resolve("rsc15", None) == preset("rsc15")


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="preset 'best' is not known; use one of auto, rsc15"):
        preset("best")
    with pytest.raises(ConfigError, match="chosen from the data"):
        preset("auto")


def test_a_named_configuration_is_judged_before_there_is_data() -> None:
    pair, features = {"loss": "bpr-max"}, ["genres"]
    assert judge("rsc15", {"epochs": 3}) == preset("rsc15").override({"epochs": 3})
    for changes in ({}, {"alternate": pair}, {"alternate": {}, "selected_features": features}):
        assert judge("auto", changes) is None
    for changes in ({"alternate": pair, "members": 1}, {"alternate": pair, "selected_features": features}):
        with pytest.raises(ConfigError, match="alternate is for several members"):
            judge("auto", changes)
    with pytest.raises(ConfigError, match="alternate is for several members"):
        judge("rsc15", {"alternate": pair})
    with pytest.raises(ConfigError, match="preset 'best' is not known"):
        judge("best", {})


def test_features_are_selected_by_name_with_a_kind_each() -> None:
    expected = {"genres": "auto", "price": "binned"}
    for text in ("[genres,price:binned]", "genres, price:binned", '{"genres": "auto", "price": "binned"}'):
        config = Config().override(read_settings({"selected_features": text}))
        assert dict(config.features.selected_features) == expected
        assert Config.from_json(config.to_json()) == config
    assert dict(Config().override({"selected_features": ["a:b"]}).features.selected_features) == {"a:b": "auto"}


@pytest.mark.parametrize("value", [["a", "a"], [""], [3], {"a": "colour"}, {"a": 3}, "a", 3, None])
def test_a_selection_that_cannot_be_meant_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="selected_features"):
        Config().override({"selected_features": value})
