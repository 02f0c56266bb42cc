"""GRU4Rec as a library: fit, evaluate and recommend with torch, numpy and pyarrow, and nothing else.

Names are exported lazily (PEP 562), so that `gru4rec.config` can be imported where torch must not be loaded.
"""

from importlib import import_module
from typing import Any

_EXPORTS = {
    "Checkpoint": "checkpoint",
    "Config": "config",
    "ConfigError": "config",
    "FitResult": "train",
    "GRU4Rec": "model",
    "PRESETS": "presets",
    "Recommender": "recommend",
    "Sessions": "sessions",
    "Vocabulary": "vocabulary",
    "evaluate": "evaluation",
    "fit": "train",
    "preset": "presets",
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
