"""What fit() learns where products are rounded."""

import pytest
import torch

from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.evaluation.ranking import ranks
from gru4rec.network.precision import LARGE, cpu_has_bf16
from gru4rec.training import rounding
from gru4rec.training.fit import FitOptions, fit
from gru4rec.training.update.operations import operations
from tests.gru4rec.training.test_fit import SMALL, VOCABULARY, cycles, same


def test_bf16_products_learn_as_float32_ones_do() -> None:
    """Operands of the three large products are rounded: other weights, but what follows what is learnt all the same."""
    config = Config().override({**SMALL, "epochs": 15, "hidden_size": 16})
    exact = fit(Dataset(cycles(60), VOCABULARY), config).model
    rounded = fit(Dataset(cycles(60), VOCABULARY), config.override({"precision": "bf16"})).model
    assert not same(exact, rounded)
    assert (ranks(rounded, cycles(12)) == 1).mean() > 0.8


@pytest.mark.parametrize(
    ("precision", "device", "bf16", "word"),
    [
        ("auto", "cuda", False, "TF32"),
        ("auto", "cpu", False, "float32"),
        ("auto", "cpu", True, "bf16, float32"),
        ("float32", "cuda", True, "float32"),
        ("bf16", "cpu", False, "bf16"),
    ],
)
def test_to_what_products_are_rounded_is_told_in_a_word(
    monkeypatch: pytest.MonkeyPatch, precision: str, device: str, bf16: bool, word: str
) -> None:
    monkeypatch.setattr(rounding, "cpu_has_bf16", lambda: bf16)
    config = Config().override({"hidden_size": 512, "batch_size": 64, "members": 2, "precision": precision})
    config = config.override({"alternate": [{}, {"hidden_size": 64}]})
    assert rounding.rounded_to(config, torch.device(device)) == word


def test_auto_precision_of_small_updates_on_a_cpu_is_float32_to_the_bit() -> None:
    config, data = Config().override({**SMALL, "epochs": 2}), Dataset(cycles(20), VOCABULARY)
    exact, chosen = (
        fit(data, config.override({"precision": word}), FitOptions(device="cpu")).model for word in ("float32", "auto")
    )
    assert same(exact, chosen)


@pytest.mark.parametrize("loss", ["cross-entropy", "bpr-max"])
def test_auto_precision_of_large_updates_on_a_cpu_rounds_where_it_has_bf16_and_learns_as_float32_does(
    loss: str,
) -> None:
    config = Config().override({**SMALL, "loss": loss, "hidden_size": 512, "batch_size": 64, "learning_rate": 0.02})
    assert operations(config) > LARGE
    data, on_cpu = Dataset(cycles(240), VOCABULARY), FitOptions(device="cpu")
    exact, chosen = (fit(data, config.override({"precision": word}), on_cpu) for word in ("float32", "auto"))
    assert same(exact.model, chosen.model) != cpu_has_bf16()
    assert chosen.history[-1].loss == pytest.approx(exact.history[-1].loss, rel=0.05)
    assert (ranks(chosen.model, cycles(12)) == 1).mean() == pytest.approx(
        (ranks(exact.model, cycles(12)) == 1).mean(), abs=0.1
    )
