"""GRU4Rec as a library: fit, evaluate and recommend with torch, numpy, pyarrow and safetensors, and nothing else.

    train, test = Dataset.from_table("events.parquet").split(last=0.1)
    result = fit(train, resolve("auto", train.statistics()))
    evaluate(result.model, test).metrics["recall@20"]
    Recommender(result.model).recommend([[12, 42, 7], [42]], n=20).to_pandas()

Names are loaded on first use (PEP 562), so that `gru4rec.config` can be read where torch must not be loaded.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gru4rec.config.options import Config, ConfigError
    from gru4rec.config.presets import PRESETS, preset, resolve
    from gru4rec.data.dataset import Dataset
    from gru4rec.data.sessions import Sessions
    from gru4rec.data.vocabulary import Vocabulary
    from gru4rec.evaluation.evaluate import Evaluation, compare, evaluate
    from gru4rec.network.model import GRU4Rec
    from gru4rec.serving.answers import RecommendationLists, Recommendations
    from gru4rec.serving.recommend import Recommender
    from gru4rec.storage.checkpoint import Checkpoint, load, save
    from gru4rec.training.fit import DivergenceError, EpochReport, FitOptions, FitResult, fit

__all__ = [
    "PRESETS",
    "Checkpoint",
    "Config",
    "ConfigError",
    "Dataset",
    "DivergenceError",
    "EpochReport",
    "Evaluation",
    "FitOptions",
    "FitResult",
    "GRU4Rec",
    "RecommendationLists",
    "Recommendations",
    "Recommender",
    "Sessions",
    "Vocabulary",
    "compare",
    "evaluate",
    "fit",
    "load",
    "preset",
    "resolve",
    "save",
]

_MODULES = {
    "config.options": ("Config", "ConfigError"),
    "config.presets": ("PRESETS", "preset", "resolve"),
    "data.dataset": ("Dataset",),
    "data.sessions": ("Sessions",),
    "data.vocabulary": ("Vocabulary",),
    "evaluation.evaluate": ("Evaluation", "compare", "evaluate"),
    "network.model": ("GRU4Rec",),
    "serving.answers": ("RecommendationLists", "Recommendations"),
    "serving.recommend": ("Recommender",),
    "storage.checkpoint": ("Checkpoint", "load", "save"),
    "training.fit": ("DivergenceError", "EpochReport", "FitOptions", "FitResult", "fit"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
