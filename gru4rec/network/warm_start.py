"""Start from an older model although the catalogue has changed."""

import numpy as np
import torch

from gru4rec.config.options import ModelConfig
from gru4rec.config.values import ConfigError
from gru4rec.network.model import GRU4Rec


def check_network(old: GRU4Rec, new: ModelConfig) -> None:
    """Raise ConfigError when a model's weights do not fit a network of this configuration."""
    shapes = ("embedding", "embedding_size", "hidden_size", "num_layers")
    before = {name: getattr(old.config, name) for name in shapes} | {"hidden_size": old.hidden_size}
    differing = [name for name in shapes if before[name] != getattr(new, name)]
    if differing:
        was = ", ".join(f"{name} was {before[name]} and is {getattr(new, name)}" for name in differing)
        raise ConfigError(f"a warm start needs the same network: {was}")


def copy_known(old: GRU4Rec, new: GRU4Rec) -> int:
    """Give a freshly initialised model the older one's weights; returns how many items were known to it.

    Items that both know keep their rows, new ones stay as they were initialised, gone ones are dropped.
    Raises ConfigError when the two networks differ in shape, ValueError when their ids are of different type.
    """
    check_network(old, new.config)
    if type(old) is not type(new):
        raise ConfigError("a warm start needs the same network: one of the two has item features, the other has none")
    from_index = old.vocabulary.encode(new.vocabulary.ids)
    known = np.flatnonzero(from_index >= 0)
    here = torch.from_numpy(known).to(new.device)
    there = torch.from_numpy(from_index[known]).to(old.device)
    new.output[here] = old.output[there].to(new.device, new.output.dtype)
    if new.config.cosine:
        new.output_bias().zero_()  # the older model's: cosines have none, and nothing would ever move it
    if new.input is not None and old.input is not None:
        new.input[here] = old.input[there].to(new.device, new.input.dtype)
    new.adopt_dense(old)
    return len(known)
