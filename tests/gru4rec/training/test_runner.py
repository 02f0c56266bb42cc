"""An update that cannot be compiled runs as it is, and one line says why."""

import numpy as np
import pytest
import torch
import torch._inductor.config as inductor

from gru4rec.config.options import Config
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.training.runner import CapturedRunner, Runner, make_runner
from gru4rec.training.trainer import Trainer
from gru4rec.training.update.step import Step
from tests.gru4rec.comparing import random_sessions

CONFIG = Config().override({"hidden_size": 4, "batch_size": 3, "n_sample": 5, "momentum": 0.3})


def trained(*, compiles: bool) -> dict[str, torch.Tensor]:
    model = GRU4Rec(CONFIG.model, Vocabulary.build(np.arange(9)))
    model.initialise(1)
    trainer = Trainer(model, random_sessions(30, 9, 1), CONFIG.override({"compile": compiles}), on_device=True)
    for _ in trainer.epoch(1):
        pass
    return model.tensors()


@pytest.mark.filterwarnings("ignore:dynamo_pgo")
def test_without_a_compiler_the_same_updates_are_made_and_one_line_says_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = trained(compiles=False)
    capsys.readouterr()
    monkeypatch.setattr(inductor.cpp, "cxx", ("no-such-compiler",))
    monkeypatch.setattr(inductor, "force_disable_caches", True)
    found = trained(compiles=True)
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("training is not compiled: ")
    assert len(line) > 30
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_a_cpu_runs_update_by_update() -> None:
    step = Step(GRU4Rec(CONFIG.model, Vocabulary.build(np.arange(9))), CONFIG)
    assert type(make_runner(step, 64, updates=10**9)) is Runner
    with pytest.raises(TypeError, match="need a Stack"):
        CapturedRunner(step, 64, compiles=False).updates([])
