"""Memory of training: what an event costs, from parquet to the end of an epoch, by the slope between two logs.

    .venv/bin/python -m benchmarks.train_memory [--events 1500000 4500000]  the library's fit, the night's training
    .venv/bin/python -m benchmarks.train_memory --large                     1M items, 100 units: a checkpoint written

Every figure is the peak of a process of its own (VmHWM: pages of files that are read in place count, too, though the
system may take them back). Both logs have the same items and the model is small, so what differs is the events. `fit`
is `Dataset.from_table(file)` and `fit`; `night` is Dagster's asset `gru4rec_model` on a data folder with splits and
sessions: read, hash, measured model, model that serves, registered. Epochs end after `--updates` updates and then read
the rest of the sessions once, so that their memory is that of whole epochs.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DAY = "2026-01-30"
ITEMS = 50_000
SMALL = {"hidden_size": 8, "n_sample": 32, "batch_size": 4096, "epochs": 1, "loss": "cross-entropy"}
SETTINGS = """
[partitions]
first_day = "2026-01-01"
last_day = "2026-01-30"
[mlflow]
system_metrics = false
"""


def peak() -> float:
    """The greatest resident set of this process so far, MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def stop_early(updates: int) -> None:
    """Make every epoch of this process end after so many updates, with all of its sessions read."""
    from gru4rec.training.trainer import Trainer
    from gru4rec.training.windows.loader import CHUNK

    whole = Trainer.epoch

    def epoch(self: Trainer, number: int) -> Iterator[tuple[float, int]]:
        yield from itertools.islice(whole(self, number), max(1, updates // CHUNK))
        sessions = self._sessions
        for part in (sessions.items, sessions.offsets, sessions.weights):
            if part is not None:
                for begin in range(0, len(part), 1 << 20):
                    part[begin : begin + (1 << 20)].sum()

    Trainer.epoch = epoch  # type: ignore[method-assign]


def write_log(root: Path, events: int) -> None:
    """Sessions and splits of a night: users come back, sessions have 2 to 8 events, 5 on average."""
    rng = np.random.default_rng(0)
    number = events // 5
    user = np.sort(rng.integers(0, max(1, number // 3), number))
    first = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1e6)
    start = first + rng.integers(0, 30 * 86_000, number) * 1_000_000
    order = np.lexsort((start, user))
    user, start = user[order], start[order]
    edges = first + np.array([28, 29]) * 86_400_000_000
    time = pa.timestamp("us", "UTC")
    for name in ("sessions", "splits"):
        path = root / name / f"{DAY}.parquet"
        path.parent.mkdir(parents=True)
        schema = pa.schema(
            [("user_id", pa.int64()), ("session_start", time), ("item_id", pa.int64()), ("timestamp", time)]
        )
        schema = schema if name == "sessions" else schema.append(pa.field("split", pa.string()))
        rng = np.random.default_rng(1)
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for part, word in enumerate(("train", "validation", "test")):
                within = np.flatnonzero(np.searchsorted(edges, start, side="right") == part)
                within = within if name == "splits" else np.arange(number) if part == 0 else within[:0]
                for begin in range(0, len(within), 100_000):
                    some = within[begin : begin + 100_000]
                    lengths = rng.integers(2, 9, len(some))
                    of = np.repeat(some, lengths)
                    step = np.arange(len(of)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
                    columns = [user[of], pa.array(start[of], time),
                               7 * (ITEMS * rng.random(len(of)) ** 3).astype(np.int64),
                               pa.array(start[of] + step * 20_000_000, time)]  # fmt: skip
                    columns += [] if name == "sessions" else [pa.array([word] * len(of))]
                    writer.write_table(pa.table(columns, schema=schema), row_group_size=122_880)
    items = root / "items" / f"{DAY}.parquet"
    items.parent.mkdir()
    pq.write_table(pa.table({"item_id": 7 * np.arange(ITEMS)}), items)
    (root / "pipeline.toml").write_text(SETTINGS)


def run_fit(root: Path, preset: str) -> None:
    import torch

    from gru4rec import Dataset, FitOptions, fit, resolve

    torch.set_num_threads(1)
    data = Dataset.from_table(root / "sessions" / f"{DAY}.parquet", session=("user_id", "session_start"))
    print(f"  read: {peak():,.0f} MiB", flush=True)
    config = resolve(preset, data.statistics()).override({**SMALL, "patience": 0, "keep": "last"})
    fit(data, config, FitOptions(device="cpu", threads=1))


def run_night(root: Path, preset: str) -> None:
    """Materialise the one asset, as a step of the nightly job does."""
    os.environ |= {"GRU4REC_DATA": str(root), "DAGSTER_HOME": str(root)}
    import dagster as dg

    from pipelines.policy.resources import resources
    from pipelines.settings.read import current_settings
    from pipelines.training.gru4rec_model import gru4rec_model

    config = {"ops": {"gru4rec_model": {"config": {"preset": preset, "overrides": SMALL, "threads": 1}}}}
    done = dg.materialize(
        [gru4rec_model], partition_key=DAY, resources=resources(current_settings()), run_config=config,
        instance=dg.DagsterInstance.ephemeral(),
    )  # fmt: skip
    assert done.success


def run_large(events: int = 10_000_000, items: int = 1_000_000, units: int = 100, updates: int = 300) -> None:
    """Peaks after each part of a training with a large table, up to a checkpoint."""
    import torch

    from gru4rec.config.options import Config
    from gru4rec.data.sessions import Sessions
    from gru4rec.data.vocabulary import Vocabulary
    from gru4rec.network.model import GRU4Rec
    from gru4rec.storage import checkpoint
    from gru4rec.storage.training_state import Run, TrainingState, save_training
    from gru4rec.training.trainer import Trainer

    torch.set_num_threads(1)
    print(f"libraries loaded: {peak() / 1024:.2f} GiB")
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 9, events // 5)
    lengths = lengths[: np.searchsorted(np.cumsum(lengths), events)]
    clicked = (items * rng.random(lengths.sum()) ** 3).astype(np.int32)
    sessions = Sessions(clicked, np.concatenate([[0], np.cumsum(lengths)]))
    vocabulary = Vocabulary(pa.array(np.arange(items)), np.bincount(clicked, minlength=items).clip(1))
    print(f"{len(clicked):,} events in {len(sessions):,} sessions over {items:,} items: {peak() / 1024:.2f} GiB")
    config = Config().override({"hidden_size": units, "batch_size": 128, "dropout_embedding": 0.1})
    model = GRU4Rec(config.model, vocabulary)
    model.initialise(1)
    trainer = Trainer(model, sessions, config)
    print(f"model, optimizer, schedule, sampler: {peak() / 1024:.2f} GiB")
    made = 0
    for _, predictions in trainer.epoch(1):
        made += -(-predictions // config.train.batch_size)
        if made >= updates:
            break
    print(f"{made} updates: {peak() / 1024:.2f} GiB")
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(folder, model, config, {})
        save_training(Run(Path(folder), config, ""), TrainingState(trainer.tensors(), {}))
        print(f"checkpoint and training state written: {peak() / 1024:.2f} GiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs=2, default=[1_500_000, 4_500_000])
    parser.add_argument("--ways", nargs="+", choices=("fit", "night"), default=["fit", "night"])
    parser.add_argument("--presets", nargs="+", default=["rsc15", "auto"])
    parser.add_argument("--updates", type=int, default=128, help="of an epoch; 0: a whole one")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--measure", nargs=3, metavar=("WAY", "PRESET", "FOLDER"), help="used by the run itself")
    options = parser.parse_args()
    if options.large:
        return run_large()
    if options.measure:
        way, preset, folder = options.measure
        if options.updates:
            stop_early(options.updates)
        {"fit": run_fit, "night": run_night}[way](Path(folder), preset)
        return print(f"{peak():.1f}")
    with tempfile.TemporaryDirectory() as folder:
        roots = [Path(folder) / str(events) for events in options.events]
        for root, events in zip(roots, options.events, strict=True):
            write_log(root, events)
        for way in options.ways:
            for preset in options.presets:
                compare(way, preset, roots, options.updates)


def compare(way: str, preset: str, roots: list[Path], updates: int) -> None:
    """Print the peaks of one way over both logs, and what an event costs."""
    peaks, events = [], []
    for root in roots:
        command = [sys.executable, "-m", "benchmarks.train_memory", "--measure", way, preset, str(root)]
        command += ["--updates", str(updates)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        peaks.append(float(done.stdout.split()[-1]))
        events.append(pq.read_metadata(root / "sessions" / f"{DAY}.parquet").num_rows)
        print("".join(line + "\n" for line in done.stdout.splitlines() if line.startswith("  ")), end="")
        print(f"{way}, {preset}: {events[-1]:,} events, peak {peaks[-1]:,.0f} MiB", flush=True)
    slope = (peaks[1] - peaks[0]) * 2**20 / (events[1] - events[0])
    print(f"{way}, {preset}: {slope:.1f} bytes an event", flush=True)


if __name__ == "__main__":
    main()
