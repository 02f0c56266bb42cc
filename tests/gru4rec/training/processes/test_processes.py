"""Two processes make the updates that one makes; when one of them goes, the others say so and end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from gru4rec.config.options import Config, ConfigError
from gru4rec.data.dataset import Dataset
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.storage import checkpoint
from gru4rec.training.fit import EpochReport, FitOptions, fit
from gru4rec.training.processes import leader
from gru4rec.training.processes.leader import Crew, workers
from gru4rec.training.trainer import Trainer
from gru4rec.training.update.group import Group
from gru4rec.training.windows.loader import WindowLoader
from gru4rec.training.windows.schedule import build_schedule
from gru4rec.training.windows.window import part_of
from tests.gru4rec.comparing import random_sessions

BASE = {"hidden_size": 6, "batch_size": 7, "n_sample": 12, "epochs": 2, "dropout_embedding": 0.2}
SETTINGS: dict[str, dict[str, Any]] = {
    "cosines": {"cosine": 8.0},
    "bpr-max, momentum, clipping": {
        "loss": "bpr-max", "elu": 0.5, "momentum": 0.3, "clip_norm": 0.5, "learning_rate": 0.05,
    },
    "2 layers, k = 2": {"num_layers": 2, "bptt": 2, "dropout_hidden": 0.1},
}  # fmt: skip


def trained(config: Config) -> dict[str, torch.Tensor]:
    """The losses, and all that a training in float64 ends with, by the processes that are there."""
    model = GRU4Rec(config.model, Vocabulary.build(np.arange(40)), dtype=torch.float64)
    model.initialise(3)
    sessions = random_sessions(300, 40, 5)
    crew = Crew(model, sessions, config)
    trainer = Trainer(model, sessions, config, columns=crew.columns)
    crew.begin(trainer)
    losses = []
    for epoch in (1, 2):
        crew.epoch(epoch)
        losses += [loss for loss, _ in trainer.epoch(epoch)]
    crew.end()
    found = {**trainer.tensors(), "losses": torch.tensor(losses, dtype=torch.float64)}
    return {name: value.clone() for name, value in found.items()}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n == "cosines" else pytest.mark.slow) for n in SETTINGS])
def test_processes_end_where_one_does_in_float64_whether_they_share_lanes_or_columns(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    config = Config().override({**BASE, **SETTINGS[name]})
    one = trained(config)
    with workers(2):
        lanes = trained(config)
        monkeypatch.setattr(leader, "LARGEST_TABLE", 0)
        columns = trained(config)
    for found in (lanes, columns):
        assert one.keys() == found.keys()
        for part, value in one.items():
            torch.testing.assert_close(found[part], value, rtol=0, atol=1e-9, msg=part)


@pytest.mark.parametrize(("lanes", "size"), [(7, 2), (5, 5), (240, 7), (1, 1)])
def test_every_lane_belongs_to_one_process(lanes: int, size: int) -> None:
    shares = [Group(rank, size).lanes(lanes) for rank in range(size)]
    assert [lane for share in shares for lane in range(lanes)[share]] == list(range(lanes))
    widths = [share.stop - share.start for share in shares]
    assert max(widths) - min(widths) <= 1


def test_the_part_of_a_window_is_what_its_lanes_read() -> None:
    config = Config().override({**BASE, "bptt": 3, "dropout_hidden": 0.3})
    model = GRU4Rec(config.model, Vocabulary.build(np.arange(30)))
    sessions = random_sessions(50, 30, 1)
    loader = WindowLoader(sessions, model, config, torch.Generator().manual_seed(1))
    windows, _ = next(loader.chunks(build_schedule(sessions, 7, window=3)))
    window, lanes = windows[0], slice(2, 5)
    part = part_of(window, lanes)
    kept = [step * 7 + lane for step in range(3) for lane in range(2, 5)]
    for whole, own in zip(window.items[2:5], part.items[2:5], strict=True):
        assert torch.equal(own, whole[kept])
    assert torch.equal(part.row_weight, window.row_weight[kept])
    assert torch.equal(part.keep, window.keep[:, lanes])
    assert window.embedding_mask is not None
    assert part.embedding_mask is not None
    assert torch.equal(part.embedding_mask, window.embedding_mask[:, lanes])
    assert window.hidden_masks is not None
    assert part.hidden_masks is not None
    assert torch.equal(part.hidden_masks, window.hidden_masks[:, :, lanes])


def data(sessions: int = 200) -> Dataset:
    return Dataset(random_sessions(sessions, 9, 1), Vocabulary.build(np.arange(9)))


@pytest.mark.slow
def test_members_validation_and_resume_work_with_two_processes(tmp_path: Path) -> None:
    config = Config().override({**BASE, "members": 2, "alternate": {"loss": "bpr-max"}, "repeats": True, "epochs": 3})
    reports: list[EpochReport] = []
    both = FitOptions(
        validation=data(40),
        device="cpu",
        threads=1,
        processes=2,
        on_epoch=reports.append,
        checkpoint_dir=tmp_path / "m",
    )
    two = fit(data(), config, both)
    one = fit(data(), config, FitOptions(validation=data(40), device="cpu", threads=1))
    assert [(report.member, report.epoch) for report in reports] == [(m, e) for m in (1, 2) for e in (1, 2, 3)]
    losses, wanted = ([report.loss for report in result.history] for result in (two, one))
    np.testing.assert_allclose(losses, wanted, rtol=1e-4)
    again = fit(data(), config, FitOptions(
        validation=data(40), device="cpu", threads=1, processes=2, checkpoint_dir=tmp_path / "m", resume=True
    ))  # fmt: skip
    assert torch.equal(again.model.output, checkpoint.load(tmp_path / "m").model.output)


@pytest.mark.parametrize(
    ("changes", "processes", "sentence"),
    [
        ({"embedding": "separate"}, 2, "by one process"),
        ({}, 8, "cannot share 7 lanes"),
        ({}, 0, "at least 1"),
        ({"selected_features": ["a"]}, 2, "by one process"),
    ],
)
def test_what_processes_cannot_share_is_said_before_any_is_started(
    changes: dict[str, Any], processes: int, sentence: str
) -> None:
    given = data()
    if "selected_features" in changes:
        table = pa.table({"item_id": pa.array(range(9)), "a": pa.array([float(n) for n in range(9)])})
        given = Dataset(given.sessions, given.vocabulary, items=table)
    with pytest.raises(ConfigError, match=sentence):
        fit(given, Config().override({**BASE, **changes}), FitOptions(device="cpu", processes=processes))


@pytest.mark.parametrize(("device", "processes"), [("cuda", 500), ("cuda:1", 2)])
def test_processes_without_a_gpu_each_are_refused_before_one_waits_for_the_other(device: str, processes: int) -> None:
    with pytest.raises(ConfigError, match="take a GPU each"):
        leader.check(Config().override({**BASE, "batch_size": 500}), processes, torch.device(device))


@pytest.fixture
def events(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    sessions = np.repeat(np.arange(3000), 4)
    table = pa.table({"session_id": sessions, "item_id": rng.integers(0, 50, len(sessions)), "timestamp": sessions * 9})
    pq.write_table(table, tmp_path / "events.parquet")
    return tmp_path / "events.parquet"


SHELL = ["--preset", "rsc15", "--device", "cpu", "--threads", "1", "--set", "n_sample=64", "hidden_size=8"]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["--processes", "torchrun"])
def test_the_shell_trains_with_two_processes(events: Path, way: str) -> None:
    begin = [sys.executable, "-m", "gru4rec"]
    extra = ["--processes", "2"] if way == "--processes" else []
    if way == "torchrun":
        begin = [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            "-m",
            "gru4rec",
        ]
    losses = {}
    for name, command in (("one", [sys.executable, "-m", "gru4rec"]), ("two", begin)):
        more = extra if name == "two" else []
        folder = events.parent / name
        asked = [*command, "fit", str(events), "--model-dir", str(folder), *SHELL, "epochs=2", *more]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=300, check=True)
        (line,) = [line for line in done.stdout.splitlines() if line.startswith("{")]
        losses[name] = [epoch["loss"] for epoch in json.loads(line)["history"]]
        checkpoint.load(folder)
    np.testing.assert_allclose(losses["two"], losses["one"], rtol=1e-4)


@pytest.mark.slow
def test_a_leader_that_fails_is_alone_in_saying_so(capfd: pytest.CaptureFixture[str]) -> None:
    """Between two epochs a worker waits for the leader; the environment is as it was."""
    before = dict(os.environ)

    def stop(_: EpochReport) -> None:
        raise InterruptedError("enough")

    with pytest.raises(InterruptedError, match="enough"):
        fit(data(), Config().override(BASE), FitOptions(device="cpu", threads=1, processes=2, on_epoch=stop))
    assert capfd.readouterr().err == ""
    assert os.environ == before


@pytest.fixture
def training(events: Path) -> Iterator[subprocess.Popen[str]]:
    """A long training by two processes."""
    folder = events.parent / "model"
    asked = [sys.executable, "-m", "gru4rec", "fit", str(events), "--model-dir", str(folder), *SHELL, "epochs=500"]
    process = subprocess.Popen([*asked, "--processes", "2"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


def worker_of(leader: int) -> int:
    """The process number of the leader's one worker, once it has begun to train."""
    for _ in range(600):
        children = Path(f"/proc/{leader}/task/{leader}/children").read_text().split()
        workers = [int(pid) for pid in children if b"processes.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        if workers:
            time.sleep(5)
            return workers[0]
        time.sleep(0.1)
    raise AssertionError("no worker was started")


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_the_training_with_one_sentence(training: subprocess.Popen[str]) -> None:
    os.kill(worker_of(training.pid), signal.SIGKILL)
    _, errors = training.communicate(timeout=60)
    assert training.returncode == 2
    assert "a process of the training ended (exit code -9)" in errors.splitlines()[-1]
    assert "Traceback" not in errors


@pytest.mark.slow
def test_a_leader_that_is_killed_leaves_no_worker(training: subprocess.Popen[str]) -> None:
    worker = worker_of(training.pid)
    training.kill()
    training.wait()
    for _ in range(100):
        if not Path(f"/proc/{worker}/cmdline").exists() or not Path(f"/proc/{worker}/cmdline").read_bytes():
            return
        time.sleep(0.1)
    raise AssertionError("the worker goes on without its leader")
