"""Baselines against the reference figures on real data."""

from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from gru4rec.baselines import VSKNN, VSTAN, Popularity, SequentialRules
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.evaluate import evaluate
from tests.gru4rec.baselines.fitting import fitted

METRICS = ("recall@5", "recall@10", "recall@20", "mrr@5", "mrr@10", "mrr@20")


def load(data_dir: Path, name: str) -> tuple[Sessions, Sessions, Vocabulary]:
    """Training and test sessions as the protocol of the data's README says."""
    table = pq.read_table(data_dir / f"{name}.parquet")
    is_train = pc.equal(table["split"], "train")
    is_test = pc.invert(is_train) if name == "serenade_clicks" else pc.equal(table["split"], "test")
    vocabulary = Vocabulary.build(table.filter(is_train)["item_id"])
    train, test = (Sessions.from_table(table.filter(part), vocabulary) for part in (is_train, is_test))
    return train, test, vocabulary


def check(data_dir: Path, name: str, method: type, settings: dict, reference: tuple[float, ...]) -> None:
    """Every figure is at least 98% of the reference, as people would round it."""
    train, test, vocabulary = load(data_dir, name)
    found = evaluate(fitted(method, train, vocabulary, settings), Dataset(test, vocabulary), bootstrap=0).metrics
    for metric, value in zip(METRICS, reference, strict=True):
        assert found[metric] >= 0.98 * value - 0.00005, metric


SERENADE_VSKNN = {"k": 50, "sample_size": 500, "weighting": "linear", "weighting_score": "same", "idf_weight": 10.0}

QUADRATIC = {"sample_size": 1000, "weighting": "quadratic", "weighting_score": "quadratic"}


def test_sequential_rules_reach_the_reference_on_serenade(data_dir: Path) -> None:
    reference = (0.3889, 0.4357, 0.4810, 0.2523, 0.2587, 0.2619)
    check(data_dir, "serenade_clicks", SequentialRules, {}, reference)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "method", "settings", "reference"),
    [
        ("serenade_clicks", Popularity, {}, (0.0019, 0.0049, 0.0102, 0.0008, 0.0012, 0.0016)),
        ("serenade_clicks", VSKNN, {}, (0.3938, 0.5317, 0.6355, 0.1835, 0.2018, 0.2092)),
        (
            "serenade_clicks",
            VSKNN,
            {**SERENADE_VSKNN, "cosine": True},
            (0.4664, 0.5853, 0.6696, 0.2336, 0.2496, 0.2557),
        ),
        (
            "serenade_clicks",
            VSTAN,
            {"k": 100, "lambda_spw": 8.0, "lambda_snh": 1.0, "lambda_inh": 8.0, "lambda_ipw": 0.0, "idf_weight": 10.0},
            (0.4732, 0.5911, 0.6735, 0.2360, 0.2521, 0.2581),
        ),
        ("rsc15_first_week", Popularity, {}, (0.0486, 0.0739, 0.0894, 0.0223, 0.0254, 0.0263)),
        ("rsc15_first_week", SequentialRules, {}, (0.4868, 0.5604, 0.6139, 0.3342, 0.3444, 0.3481)),
        ("rsc15_first_week", VSKNN, {**QUADRATIC, "k": 1000}, (0.5138, 0.6024, 0.6733, 0.3466, 0.3586, 0.3637)),
        (
            "rsc15_first_week",
            VSTAN,
            {"k": 1500, "lambda_spw": 0.6, "lambda_snh": 0.0, "lambda_inh": 4.0, "lambda_ipw": 0.0, "idf_weight": 10.0},
            (0.5298, 0.6201, 0.6857, 0.3595, 0.3718, 0.3765),
        ),
        ("yoochoose_1_64", Popularity, {}, (0.0328, 0.0459, 0.0737, 0.0136, 0.0151, 0.0170)),
        ("yoochoose_1_64", SequentialRules, {}, (0.4629, 0.5800, 0.6729, 0.2823, 0.2980, 0.3045)),
        ("yoochoose_1_64", VSKNN, {**QUADRATIC, "k": 500}, (0.4431, 0.5672, 0.6749, 0.2563, 0.2730, 0.2806)),
        (
            "yoochoose_1_64",
            VSTAN,
            {
                "k": 1500,
                "sample_size": 2500,
                "lambda_spw": 0.3,
                "lambda_snh": 1.0,
                "lambda_inh": 4.0,
                "lambda_ipw": 1.5,
                "idf_weight": 10.0,
            },
            (0.4718, 0.6000, 0.7018, 0.2686, 0.2858, 0.2930),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", ""),
)
def test_baselines_reach_the_reference_figures(
    data_dir: Path, name: str, method: type, settings: dict, reference: tuple[float, ...]
) -> None:
    check(data_dir, name, method, settings, reference)
