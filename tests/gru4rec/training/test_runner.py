"""An update that cannot be compiled runs as it is, and one line says why."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.build import build_model
from gru4rec.network.model import GRU4Rec
from gru4rec.training import runner as module
from gru4rec.training.runner import CapturedRunner, Runner, make_runner
from gru4rec.training.trainer import Trainer
from gru4rec.training.update.step import Step
from gru4rec.training.windows import device_loader
from gru4rec.training.windows.window import Stack
from tests.gru4rec.comparing import random_sessions

CONFIG = Config().override({"hidden_size": 4, "batch_size": 3, "n_sample": 5, "momentum": 0.3})


def trained(*, compiles: bool) -> dict[str, torch.Tensor]:
    model = GRU4Rec(CONFIG.model, Vocabulary.build(np.arange(9)))
    model.initialise(1)
    trainer = Trainer(model, random_sessions(30, 9, 1), CONFIG.override({"compile": compiles}), on_device=True)
    for _ in trainer.epoch(1):
        pass
    return model.tensors()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:dynamo_pgo")
def test_without_a_compiler_the_same_updates_are_made_and_one_line_says_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch._inductor.config as inductor  # a second of imports, for this test alone

    expected = trained(compiles=False)
    capsys.readouterr()
    monkeypatch.setattr(inductor.cpp, "cxx", ("no-such-compiler",))
    with torch.compiler.config.patch(force_disable_caches=True):
        found = trained(compiles=True)
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("training is not compiled: ")
    assert len(line) > 30
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_where_too_much_was_compiled_already_the_updates_are_made_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Torch keeps eight updates; a ninth member that differs from all others is not compiled."""
    import torch._dynamo.config as dynamo  # a second of imports, for this test alone

    with dynamo.patch(recompile_limit=0):
        found = trained(compiles=True)
    assert "training is not compiled: Dynamo recompile limit exceeded" in capsys.readouterr().err
    for name, value in trained(compiles=False).items():
        assert torch.equal(found[name], value), name


class Played:
    """In the place of a CUDA graph: records nothing, and plays by making the updates."""

    made = 0

    def __init__(self, updates, windows: Stack) -> None:
        Played.made += 1
        self.updates, self.size = updates, len(windows)

    def replay(self, windows: Stack) -> torch.Tensor:
        assert len(windows) == self.size
        return self.updates(windows)


@pytest.mark.parametrize(
    ("training", "graphs"), [("simultaneous", 2), ("interleaving", 3), ("alternating", 4), ("residual", 4)]
)
def test_a_graph_is_replayed_only_for_the_turns_that_it_was_made_of(
    training: str, graphs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full chunks and single updates, of each turn: every update is made once, as it is made one by one."""
    monkeypatch.setattr(module, "_Graph", Played)
    monkeypatch.setattr(Played, "made", 0)
    changes = {"selected_features": {"colour": "auto"}, "training": training, "id_dropout": 0.3, "epochs": 2}
    config, sessions = CONFIG.override(changes), random_sessions(32, 9, 1)  # 30 windows: seven chunks, and two windows
    table = pa.table({"item_id": range(9), "colour": [f"{number % 4}" for number in range(9)]})
    features = Dataset(sessions, Vocabulary.build(np.arange(9)), table).with_features(config.features).features
    ways = []
    for captures in (False, True):
        model = build_model(config, Vocabulary.build(np.arange(9)), features, dtype=torch.float64)
        model.initialise(1)
        trainer = Trainer(model, sessions, config, on_device=True)
        step = trainer._step
        assert step.capturable
        trainer._runner = CapturedRunner(step, 4, compiles=False) if captures else Runner(step, compiles=False)
        monkeypatch.setattr(device_loader, "CHUNK", 4)
        losses = [loss for epoch in range(1, 3) for loss, _ in trainer.epoch(epoch)]
        ways.append((losses, model.tensors()))
    assert ways[0][0] == ways[1][0]
    for name, value in ways[0][1].items():
        assert torch.equal(ways[1][1][name], value), name
    assert Played.made == graphs


def test_a_cpu_runs_update_by_update() -> None:
    step = Step(GRU4Rec(CONFIG.model, Vocabulary.build(np.arange(9))), CONFIG)
    assert type(make_runner(step, 64, updates=10**9)) is Runner
    with pytest.raises(TypeError, match="need a Stack"):
        CapturedRunner(step, 64, compiles=False).updates([])
