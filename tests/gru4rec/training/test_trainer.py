"""The trainer takes the update that fits the model."""

import numpy as np
import pytest

from gru4rec.config.options import Config, ConfigError
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.training.trainer import build_step
from gru4rec.training.update.step import Step


def test_a_model_without_features_gets_the_plain_update_and_none_where_features_are_configured() -> None:
    config = Config().override({"hidden_size": 4})
    model = GRU4Rec(config.model, Vocabulary.build(np.arange(5)))
    assert type(build_step(model, config)) is Step
    with pytest.raises(ConfigError, match="the model knows no features"):
        build_step(model, config.override({"selected_features": ["genres"]}))
