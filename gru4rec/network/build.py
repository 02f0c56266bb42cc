"""Makes the model that a configuration asks for. The code of features is loaded only where features are used."""

from typing import TYPE_CHECKING

import torch

from gru4rec.config.options import Config, ConfigError
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.merged import Merged
from gru4rec.network.model import GRU4Rec

if TYPE_CHECKING:
    from gru4rec.data.features import ItemFeatures

FEATURES_FILE = "features.arrow"  # in a checkpoint


def build_model(
    config: Config,
    vocabulary: Vocabulary,
    features: "ItemFeatures | None" = None,
    *,
    merged: Merged | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> GRU4Rec:
    """A model with all weights 0.

    Raises:
        ConfigError: features are configured but not given, or given but not configured.
    """
    selected = config.features.selected_features
    if (features is not None) != bool(selected):
        there = "no features were given" if selected else "features were given"
        raise ConfigError(f"selected_features is {list(selected)}, but {there}; see Dataset.with_features")
    if features is None:
        return GRU4Rec(config.model, vocabulary, merged=merged, device=device, dtype=dtype)
    from gru4rec.network.feature_model import FeatureGRU4Rec

    return FeatureGRU4Rec(config.model, config.features, vocabulary, features, device=device, dtype=dtype)


def read_features(files: dict[str, bytes]) -> "ItemFeatures | None":
    """The features among a checkpoint's files; None where it has none."""
    if FEATURES_FILE not in files:
        return None
    from gru4rec.data.features import ItemFeatures

    return ItemFeatures.from_bytes(files[FEATURES_FILE])
