"""GRU4Rec as a library: fit, evaluate and recommend with torch, numpy and pyarrow, and nothing else.

Names are exported lazily (PEP 562), so that `gru4rec.config.options` can be imported where torch must not be loaded.
"""

from importlib import import_module
from typing import Any

_EXPORTS = {
    "Checkpoint": "storage.checkpoint",
    "Config": "config.options",
    "ConfigError": "config.options",
    "FitResult": "training.fit",
    "GRU4Rec": "network.model",
    "PRESETS": "config.presets",
    "Recommender": "serving.recommend",
    "Sessions": "data.sessions",
    "Vocabulary": "data.vocabulary",
    "evaluate": "evaluation.evaluate",
    "fit": "training.fit",
    "preset": "config.presets",
}

__all__ = [
    "PRESETS",
    "Checkpoint",
    "Config",
    "ConfigError",
    "FitResult",
    "GRU4Rec",
    "Recommender",
    "Sessions",
    "Vocabulary",
    "evaluate",
    "fit",
    "preset",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'gru4rec' has no attribute {name!r}")
    return getattr(import_module(f"gru4rec.{_EXPORTS[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_EXPORTS])
