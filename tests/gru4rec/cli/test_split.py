"""`gru4rec split`: the rule is that of `Dataset.split`, both files appear or none, and mistakes are sentences."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from gru4rec.__main__ import main
from gru4rec.data.dataset import Dataset
from tests.gru4rec.shell import SMALL, refused, write_events

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
SESSIONS, DAYS = 200, 20


def log(text_ids: bool = False) -> pa.Table:
    """Sessions of one to five events over twenty days in no order, with items that only come late, and a price."""
    generator = np.random.default_rng(4)
    rows = []
    for session in range(SESSIONS):
        start = FIRST + timedelta(minutes=int(generator.integers(DAYS * 24 * 60)))
        for step in range(int(generator.integers(1, 6))):
            item = int(generator.integers(30)) + (30 if start.day > 18 else 0)
            rows.append((session, item, start + timedelta(minutes=step), float(step)))
    generator.shuffle(rows)
    session, item, time, price = zip(*rows, strict=True)
    if text_ids:
        session, item = [f"s {one}" for one in session], [f"{one:03}" for one in item]
    names = ["session_id", "item_id", "timestamp", "price"]
    times = pa.array(time, pa.timestamp("us", "UTC"))
    return pa.table([pa.array(session), pa.array(item), times, pa.array(price)], names=names)


def outs(folder: Path) -> list[str]:
    return ["--out-train", str(folder / "a.parquet"), "--out-test", str(folder / "b.parquet")]


def same(a: Dataset, b: Dataset) -> bool:
    keys = a.sessions.keys.equals(b.sessions.keys)
    return keys and a.vocabulary.ids.equals(b.vocabulary.ids) and a.sessions.items.tolist() == b.sessions.items.tolist()


@pytest.mark.parametrize("text_ids", [False, True])
@pytest.mark.parametrize(("asked", "last"), [("3d", timedelta(days=3)), ("0.1", 0.1), (".25", 0.25)])
def test_the_files_are_what_dataset_split_divides(
    tmp_path: Path, capsys: pytest.CaptureFixture, text_ids: bool, asked: str, last: float | timedelta
) -> None:
    events = log(text_ids)
    pq.write_table(events, tmp_path / "log.parquet")
    assert main(["split", str(tmp_path / "log.parquet"), "--last", asked, *outs(tmp_path)]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    a, b = pq.read_table(tmp_path / "a.parquet"), pq.read_table(tmp_path / "b.parquet")
    train, test = Dataset.from_table(events).split(last=last)
    from_file = Dataset.from_table(a)
    assert same(from_file, train)
    assert same(from_file.held_out(b), test)
    assert a.column_names == b.column_names == events.column_names
    assert a.schema.types == events.schema.types
    lengths = events.group_by("session_id").aggregate([("item_id", "count")])
    short = lengths["item_id_count"].to_pylist().count(1)
    assert short > 0
    assert a.num_rows + b.num_rows + short == events.num_rows
    sessions = set(a["session_id"].to_pylist()), set(b["session_id"].to_pylist())
    assert not sessions[0] & sessions[1]
    assert figures == {
        "train_sessions": len(sessions[0]), "train_events": a.num_rows,
        "test_sessions": len(sessions[1]), "test_events": b.num_rows, "short_sessions": short,
    }  # fmt: skip


def test_a_text_file_is_split_too_and_the_model_learns_from_it(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Digits with a nought in front stay text."""
    csv.write_csv(log(text_ids=True), tmp_path / "log.csv")
    assert main(["split", str(tmp_path / "log.csv"), "--last", "3d", *outs(tmp_path)]) == 0
    a, b = tmp_path / "a.parquet", tmp_path / "b.parquet"
    assert all(len(item) == 3 for item in pq.read_table(a)["item_id"].to_pylist())
    train, test = Dataset.from_table(tmp_path / "log.csv").split(last=timedelta(days=3))
    assert same(Dataset.from_table(a), train)
    assert same(Dataset.from_table(a).held_out(b), test)
    capsys.readouterr()
    fit = ["fit", str(a), "--test", str(b), "--model-dir", str(tmp_path / "m"), *SMALL, "--set", "batch_size=20"]
    assert main(fit) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["recall@20"] > 0


@pytest.mark.parametrize(
    ("last", "changed", "sentence"),
    [
        ("seven", {}, "--last 'seven' is neither days, such as 7d, nor a share of the sessions, such as 0.1"),
        ("0.0", {}, "--last '0.0' is neither days"),
        ("1.5", {}, "--last '1.5' is neither days"),
        ("-3d", {}, "--last"),
        ("7d", {}, "the times in timestamp are numbers without a unit, so 7 days cannot be told; give a share of the"),
        ("0.1", {"--item-column": "sku"}, "log.parquet has no column sku; it has session_id, item_id, timestamp"),
        ("0.1", {"--out-test": "a.parquet"}, "--out-train and --out-test both name"),
        ("0.1", {"--out-test": "log.parquet"}, "log.parquet is there already; remove it, or give another name"),
        ("0.1", {"--out-train": "a.csv"}, "is written as parquet, not as text; give a name such as a.parquet"),
        ("0.1", {"--out-train": "gone/a.parquet"}, "to write into; make it first"),
    ],
)
def test_a_mistake_is_a_sentence_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture, last: str, changed: dict[str, str], sentence: str
) -> None:
    path = write_events(tmp_path / "log.parquet", 20, 0)
    before = path.read_bytes()
    options = dict(zip(*[iter(outs(tmp_path))] * 2, strict=True))
    options |= {name: str(tmp_path / word) if "out" in name else word for name, word in changed.items()}
    arguments = [f"{name}={word}" for name, word in options.items()]
    assert sentence in refused(["split", str(path), f"--last={last}", *arguments], capsys)
    assert [file.name for file in tmp_path.iterdir()] == ["log.parquet"]
    assert path.read_bytes() == before


def test_days_that_hold_every_session_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    pq.write_table(log(), tmp_path / "log.parquet")
    said = refused(["split", str(tmp_path / "log.parquet"), "--last", "400d", *outs(tmp_path)], capsys)
    assert "log.parquet: the training part would have none of the" in said
    assert [file.name for file in tmp_path.iterdir()] == ["log.parquet"]


def test_where_the_second_file_cannot_appear_the_first_goes_too(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk refuses the file that is put in place last."""
    pq.write_table(log(), tmp_path / "log.parquet")
    replace, moved = os.replace, []

    def once(source: Path, target: Path) -> None:
        if target.parent == tmp_path and not target.name.startswith("."):
            moved.append(target)
            if len(moved) == 2:
                raise OSError(28, "No space left on device", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", once)
    said = refused(["split", str(tmp_path / "log.parquet"), "--last", "0.1", *outs(tmp_path)], capsys)
    assert "No space left on device" in said
    assert len(moved) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["log.parquet"]
